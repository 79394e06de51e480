import { type ViewObject, viewOf } from '../bson/view.js';
import { type Match, matcher } from '../filter/match.js';
import { type Collection, numbered } from '../storage/collections.js';
import type { Documents, Stored } from '../storage/documents.js';
import type { KeyRange, Plan } from './planner.js';

const pageSize = 128;

/** A document that matches; its view is there when the filter had to look at it. */
export interface Found extends Stored {
  readonly view?: ViewObject;
}

/**
 * The documents of a plan that match a filter, one by one; undefined for each that does not match, so that a caller
 * can count the work and take a break. Between two steps the store may change: the walk goes on behind the key that
 * it came to, and documents that have gone are passed over.
 */
export function* scan(
  at: Documents,
  collection: Collection,
  plan: Plan,
  filter: ViewObject,
): Generator<Found | undefined> {
  const match: Match | undefined = plan.exact ? undefined : matcher(filter);
  const seen = plan.index?.multikey ? new Set<string>() : undefined;
  for (const range of plan.ranges) {
    for (const entry of walk(at, plan, range)) {
      const id = plan.index ? entry.value : entry.key.subarray(4);
      const name = seen && id.toString('latin1');
      if (name !== undefined && seen?.has(name)) continue;
      if (name !== undefined) seen?.add(name);
      const bytes = plan.index ? at.store.get(numbered(collection.id, id)) : entry.value;
      if (bytes === undefined) continue;
      if (match === undefined) {
        yield { id, bytes };
        continue;
      }
      const view = viewOf(bytes);
      yield match(view) ? { id, bytes, view } : undefined;
    }
  }
}

function* walk(at: Documents, plan: Plan, range: KeyRange): Generator<{ key: Buffer; value: Buffer }> {
  let { start, end } = range;
  // Points and first batches are small: read little first.
  let most = 4;
  while (Buffer.compare(start, end) < 0) {
    const page = at.store.page(start, end, plan.reverse, most);
    for (const entry of page) yield entry;
    const last = page.at(-1);
    if (last === undefined) return;
    if (plan.reverse) end = last.key;
    else start = Buffer.concat([last.key, Buffer.from([0])]);
    most = pageSize;
  }
}
