import { keysOf, type ViewObject, viewOf } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { plainNumber } from '../storage/collections.js';
import { isReachable, sortKey } from '../storage/index-key.js';
import type { Sort } from './planner.js';
import type { Found } from './scan.js';

/** MongoDB's limit of what a sort may hold in memory. */
const mostBytes = 100 * 1024 * 1024;

/** MongoDB's limit of fields to sort by. */
const mostFields = 32;

/** Reads a sort specification. Throws code 2 for anything but 1 and -1, and for too many fields. */
export function sortOf(spec: ViewObject): Sort {
  const paths = keysOf(spec);
  if (paths.length > mostFields) throw new MongoError(2, `too many compound keys: ${paths.length}`);
  return paths.map((path) => {
    if (!isReachable(path)) throw new MongoError(2, 'a path to sort by has too many parts');
    const direction = plainNumber(spec[path]);
    if (direction !== 1 && direction !== -1)
      throw new MongoError(2, `$sort key ordering must be 1 or -1: ${path}`);
    return [path, direction] as const;
  });
}

/** Collects documents and gives them back in order; keeps no more than the first `most` of them. */
export function sorter(
  sort: Sort,
  most: number,
): { add(found: Found): void; sorted(): Found[]; readonly heldBytes: number } {
  let kept: { readonly key: Buffer; readonly found: Found }[] = [];
  let size = 0;
  const settle = () => {
    kept.sort((a, b) => Buffer.compare(a.key, b.key));
    if (kept.length > most) kept = kept.slice(0, most);
    size = kept.reduce((sum, { key, found }) => sum + key.length + found.bytes.length, 0);
  };
  return {
    add(found) {
      const key = sortKey(found.view ?? viewOf(found.bytes), sort);
      kept.push({ key, found: { id: found.id, bytes: found.bytes } });
      size += key.length + found.bytes.length;
      if (kept.length > most * 2 + 100) settle();
      if (size > mostBytes) settle();
      if (size > mostBytes) throw new MongoError(292, 'Sort exceeded memory limit of 104857600 bytes');
    },
    sorted() {
      settle();
      return kept.map(({ found }) => found);
    },
    get heldBytes() {
      return size;
    },
  };
}
