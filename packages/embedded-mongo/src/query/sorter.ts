import { decodeDocument } from '../bson/decode.js';
import { type BsonDocument, plainNumber } from '../bson/values.js';
import { checkedName } from '../filter/filter.js';
import { MongoError } from '../mongo-error.js';
import type { Stored } from '../storage/documents.js';
import { type Fields, fieldsKey } from '../storage/index-key.js';

/** MongoDB's limit of what a sort may hold in memory. */
const MAX_BYTES = 100 * 1024 * 1024;
/** MongoDB's limit of members to sort by. */
const MAX_FIELDS = 32;

/** Reads a sort specification. Throws code 2 for a direction other than 1 and -1, and for too many members. */
export function sortOf(spec: BsonDocument): Fields {
  if (spec.size > MAX_FIELDS) throw new MongoError(2, `too many compound keys: ${spec.size}`);
  return [...spec].map(([name, value]) => {
    const direction = plainNumber(value);
    if (direction !== 1 && direction !== -1)
      throw new MongoError(2, `$sort key ordering must be 1 or -1: ${name}`);
    return [checkedName(name, 2), direction] as const;
  });
}

/** Sorts documents in memory, for a query whose index gives no order. */
export interface Sorter {
  /** Throws code 292 when the sort would hold more than 100 MiB. */
  add(stored: Stored): void;
  sorted(): Stored[];
  /** What it holds in memory, in bytes. */
  readonly heldBytes: number;
}

/** Makes a sorter. It keeps no more than the first `limit` documents, or little more while it collects. */
export function createSorter(sort: Fields, limit: number): Sorter {
  let kept: { readonly key: Buffer; readonly stored: Stored }[] = [];
  let size = 0;
  const settle = () => {
    kept.sort((a, b) => Buffer.compare(a.key, b.key));
    if (kept.length > limit) kept = kept.slice(0, limit);
    size = kept.reduce((sum, { key, stored }) => sum + key.length + stored.bytes.length, 0);
  };
  return {
    add(stored) {
      const key = fieldsKey(decodeDocument(stored.bytes), sort);
      kept.push({ key, stored });
      size += key.length + stored.bytes.length;
      if (kept.length > limit * 2 + 100) settle();
      if (size > MAX_BYTES) settle();
      if (size > MAX_BYTES) throw new MongoError(292, `Sort exceeded memory limit of ${MAX_BYTES} bytes`);
    },
    sorted() {
      settle();
      return kept.map(({ stored }) => stored);
    },
    get heldBytes() {
      return size;
    },
  };
}
