import { DATE_BOUNDS, inverted, valueKey } from '../bson/value-key.js';
import { type Collection, type Index, numbered } from './collections.js';
import type { CommitQueue } from './commit-queue.js';
import { type Documents, deleteDocument } from './documents.js';
import { after, type KeyRange } from './store.js';

/** The most documents that one transaction deletes, so that other operations do not wait long. */
const BATCH_SIZE = 200;

/** Deletes the documents that have expired by the TTL indexes, in batches with other operations between them. */
export async function sweepExpired(
  at: Documents,
  queue: CommitQueue,
  now: Date,
  isClosing: () => boolean,
): Promise<number> {
  let deleted = 0;
  for (const collection of at.collections.all()) {
    for (const { name, expireAfterSeconds } of collection.indexes) {
      if (expireAfterSeconds === undefined) continue;
      let found = BATCH_SIZE;
      while (found === BATCH_SIZE && !isClosing()) {
        found = await queue.write(() => sweepBatch(at, collection, name, now));
        deleted += found;
      }
    }
  }
  return deleted;
}

function sweepBatch(at: Documents, { db, name }: Collection, indexName: string, now: Date): number {
  // Looked up for each batch: the collection or the index may have been dropped meanwhile.
  const collection = at.collections.find(db, name);
  const index = collection?.indexes.find((one) => one.name === indexName);
  if (!collection || index?.expireAfterSeconds === undefined) return 0;
  const expired = new Date(now.getTime() - index.expireAfterSeconds * 1000);
  const { start, end } = expiredRange(index, expired);
  const entries = at.store.page(start, end, false, BATCH_SIZE);
  for (const { key, value: id } of entries) {
    const bytes = at.store.get(numbered(collection.id, id));
    if (bytes) deleteDocument(at, collection, { id: Buffer.from(id), bytes });
    else at.store.remove(key);
  }
  return entries.length;
}

/** The keys of all dates up to and including `expired`. Values that are no dates never expire. */
function expiredRange(index: Index, expired: Date): KeyRange {
  const [low, high] = [DATE_BOUNDS.low, valueKey(expired)];
  const isAscending = (index.fields[0]?.[1] ?? 1) === 1;
  const range = isAscending
    ? { start: low, end: after(high) }
    : { start: inverted(high), end: after(inverted(low)) };
  return { start: numbered(index.id, range.start), end: numbered(index.id, range.end) };
}
