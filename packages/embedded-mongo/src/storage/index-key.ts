import { createHash } from 'node:crypto';
import { inverted, NULL_KEY, valueKey } from '../bson/value-key.js';
import { type BsonDocument, isArray } from '../bson/values.js';
import { MongoError } from '../mongo-error.js';

/** 1 for ascending, -1 for descending. */
export type Direction = 1 | -1;

/** Members of a document and their directions, as in an index or a sort. */
export type Fields = readonly (readonly [name: string, direction: Direction])[];

/** LMDB takes keys of 1,978 bytes: an index's number, the key of its fields and a document's key fit together. */
export const MAX_FIELDS_KEY = 1400;
/** How much of that is left for a document's key. */
export const MAX_ID_KEY = 400;

/** A key of at most `max` bytes. A longer one is cut and a hash of the whole added: equal keys stay equal and others
 *  differ, and only the order of keys with the same long beginning is lost. */
export function shortened(key: Buffer, max: number): Buffer {
  if (key.length <= max) return key;
  return Buffer.concat([key.subarray(0, max), createHash('sha256').update(key).digest()]);
}

/** The keys that one document has in several indexes, by member: each is made once. */
export type MemberKeys = Map<string, Buffer>;

/** The key of a document in an index, not shortened. Throws code 201 for an array: it would need a key an element. */
export function fieldsKey(document: BsonDocument, fields: Fields, made: MemberKeys = new Map()): Buffer {
  const keys = fields.map(([name, direction]) => {
    let key = made.get(name);
    if (key === undefined) {
      const value = document.get(name);
      if (isArray(value)) {
        throw new MongoError(201, `the embedded server does not index or sort by arrays, here '${name}'`);
      }
      key = value === undefined ? NULL_KEY : valueKey(value);
      made.set(name, key);
    }
    return direction === 1 ? key : inverted(key);
  });
  return Buffer.concat(keys);
}
