import { dateBounds, inverted, valueKey } from '../bson/value-key.js';
import type { KeyRange } from '../query/planner.js';
import type { Bursts } from './burst.js';
import { type Collection, type Index, numbered } from './collections.js';
import { type Documents, deleteDocument } from './documents.js';
import { after } from './store.js';

/** Documents that one transaction deletes at most, so that others are not kept waiting. */
const batchSize = 200;

/** Deletes what has expired by the TTL indexes, in batches between which others have their turn. */
export async function sweepExpired(
  at: Documents,
  bursts: Bursts,
  now: Date,
  isClosing: () => boolean,
): Promise<number> {
  let deleted = 0;
  for (const collection of at.catalog.all()) {
    for (const { name, expireAfterSeconds } of collection.indexes) {
      if (expireAfterSeconds === undefined) continue;
      let found = batchSize;
      while (found === batchSize && !isClosing()) {
        found = await bursts.write(() => sweepBatch(at, collection, name, now));
        deleted += found;
      }
    }
  }
  return deleted;
}

function sweepBatch(at: Documents, { db, name }: Collection, indexName: string, now: Date): number {
  // Anew each time: the collection or the index may have gone meanwhile.
  const collection = at.catalog.find(db, name);
  const index = collection?.indexes.find((one) => one.name === indexName);
  if (!collection || index?.expireAfterSeconds === undefined) return 0;
  const expired = new Date(now.getTime() - index.expireAfterSeconds * 1000);
  const { start, end } = expiredRange(index, expired);
  const entries = at.store.page(start, end, false, batchSize);
  for (const { key, value: id } of entries) {
    const bytes = at.store.get(numbered(collection.id, id));
    if (bytes) deleteDocument(at, collection, { id: Buffer.from(id), bytes });
    else at.store.remove(key);
  }
  return entries.length;
}

/** The keys of all dates up to and including `expired`. Values that are no dates never expire. */
function expiredRange(index: Index, expired: Date): KeyRange {
  const [low, high] = [dateBounds.low, valueKey(expired)];
  const isAscending = (index.fields[0]?.[1] ?? 1) === 1;
  const range = isAscending
    ? { start: low, end: after(high) }
    : { start: inverted(high), end: after(inverted(low)) };
  return { start: numbered(index.id, range.start), end: numbered(index.id, range.end) };
}
