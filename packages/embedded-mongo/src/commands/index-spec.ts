import { decodeDocument } from '../bson/decode.js';
import { encodeDocument } from '../bson/encode.js';
import { isDocument, plainNumber } from '../bson/values.js';
import { checkedName, type Filter, parseFilter } from '../filter/filter.js';
import { MongoError, unsupported } from '../mongo-error.js';
import { statement } from '../protocol/command.js';
import type { Index } from '../storage/collections.js';

const MEMBERS = ['key', 'name', 'unique', 'partialFilterExpression', 'expireAfterSeconds'];
const MAX_FIELDS = 32;
const MAX_EXPIRE_SECONDS = 2 ** 31 - 1;

/** Checks an index specification. @returns it as it is stored. Throws codes 67, 72 and 2 for what is not served. */
export function checkedSpec(bytes: Uint8Array): Buffer {
  const members = statement(bytes, 'createIndexes.indexes', MEMBERS);
  const key = members.required('key');
  const name = members.text('name') ?? '';
  if (name === '' || name.includes('\0')) throw new MongoError(9, 'an index needs a name');
  if (key.size === 0 || key.size > MAX_FIELDS)
    throw new MongoError(67, `an index needs 1 to ${MAX_FIELDS} fields`);
  for (const [field, value] of key) {
    const direction = plainNumber(value);
    if (direction !== 1 && direction !== -1)
      throw unsupported(67, `indexes other than 1 and -1, here '${field}'`);
    checkedName(field, 67);
  }
  const partial = members.document('partialFilterExpression');
  if (partial) checkPartial(parseFilter(partial));
  const seconds = members.integer('expireAfterSeconds');
  if (seconds !== undefined && (seconds < 0 || seconds > MAX_EXPIRE_SECONDS)) {
    throw new MongoError(67, `expireAfterSeconds must be between 0 and ${MAX_EXPIRE_SECONDS}`);
  }
  if (seconds !== undefined && key.size > 1) throw new MongoError(67, 'TTL indexes are single-field indexes');
  return encodeDocument({
    v: 2,
    key,
    name,
    ...(members.flag('unique') ? { unique: true } : {}),
    ...(partial ? { partialFilterExpression: partial } : {}),
    ...(seconds === undefined ? {} : { expireAfterSeconds: seconds }),
  });
}

/** Equality and ranges only: the planner looks for these very conditions in a query. */
function checkPartial(filter: Filter): void {
  for (const clause of filter) {
    const operator = clause.kind === 'or' ? 'or' : clause.predicates.find((one) => !('key' in one))?.operator;
    if (operator) throw unsupported(67, `the operator $${operator} in a partialFilterExpression`);
  }
}

/** Whether a specification is of the index on `_id`, which is always there. */
export function isIdIndex(spec: Buffer): boolean {
  const key = decodeDocument(spec).get('key');
  return isDocument(key) && [...key.keys()].join() === '_id';
}

/**
 * Whether an index is there already. It is known by its fields, `unique` and its filter (MongoDB's signature since 5.0).
 * Throws code 86 when its name is another index's, and 85 when it is there with another name or another option.
 */
export function isKnown(indexes: readonly Index[], spec: Buffer): boolean {
  const name = String(decodeDocument(spec).get('name'));
  const byName = indexes.find((index) => index.name === name);
  if (byName) {
    if (byName.spec.equals(spec)) return true;
    if (!signature(byName.spec).equals(signature(spec))) {
      throw new MongoError(86, `An existing index has the same name as the requested index: ${name}`);
    }
    throw new MongoError(
      85,
      `An equivalent index already exists with the same name but different options: ${name}`,
    );
  }
  const same = indexes.find((index) => signature(index.spec).equals(signature(spec)));
  if (same) throw new MongoError(85, `Index already exists with a different name: ${same.name}`);
  return false;
}

function signature(spec: Buffer): Buffer {
  const members = decodeDocument(spec);
  const names = ['key', 'unique', 'partialFilterExpression'];
  return encodeDocument(Object.fromEntries(names.map((name) => [name, members.get(name)])));
}
