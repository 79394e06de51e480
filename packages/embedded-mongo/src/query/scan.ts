import { decodeDocument } from '../bson/decode.js';
import type { Filter } from '../filter/filter.js';
import { matches } from '../filter/match.js';
import { type Collection, numbered } from '../storage/collections.js';
import type { Documents, Stored } from '../storage/documents.js';
import type { Entry, KeyRange } from '../storage/store.js';
import type { Plan } from './planner.js';

const PAGE_ENTRIES = 128;

/**
 * The documents of a plan that match a filter, one by one; undefined for each that does not match, so that a caller
 * can pause after some work. The store may change between two steps: the scan goes on behind the last key that it
 * read, and skips documents that have been deleted.
 */
export function* scan(
  at: Documents,
  collection: Collection,
  plan: Plan,
  filter: Filter,
): Generator<Stored | undefined> {
  for (const range of plan.ranges) {
    for (const entry of entriesIn(at, plan, range)) {
      const id = plan.index ? entry.value : entry.key.subarray(4);
      const bytes = plan.index ? at.store.get(numbered(collection.id, id)) : entry.value;
      if (bytes === undefined) continue;
      yield plan.exact || matches(filter, decodeDocument(bytes)) ? { id, bytes } : undefined;
    }
  }
}

function* entriesIn(at: Documents, plan: Plan, range: KeyRange): Generator<Entry> {
  let { start, end } = range;
  // Most ranges have one document: the first page is small.
  let limit = 4;
  while (Buffer.compare(start, end) < 0) {
    const page = at.store.page(start, end, plan.reverse, limit);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    if (plan.reverse) end = last.key;
    else start = Buffer.concat([last.key, Buffer.from([0])]);
    limit = PAGE_ENTRIES;
  }
}
