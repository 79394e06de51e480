import { pickMembers } from '../bson/decode.js';
import { type BsonDocument, plainNumber } from '../bson/values.js';
import { checkedName } from '../filter/filter.js';
import { unsupported } from '../mongo-error.js';

/**
 * Reads a projection: members at the top of a document, each with 1; `_id` is always among them. Throws code 2 for
 * anything else. @returns makes the answer from a stored document's bytes
 */
export function projectionOf(spec: BsonDocument): (bytes: Buffer) => Buffer {
  if (spec.size === 0) return (bytes) => bytes;
  const names = new Set(['_id']);
  for (const [name, value] of spec) {
    if (plainNumber(value) !== 1) throw unsupported(2, `projections with anything but 1, here '${name}'`);
    names.add(checkedName(name, 2));
  }
  return (bytes) => pickMembers(bytes, names);
}
