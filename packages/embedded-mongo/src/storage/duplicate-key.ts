import { Decimal128 } from 'bson';
import {
  type BsonDocument,
  type BsonValue,
  bsonType,
  type Encodable,
  isArray,
  isDocument,
  numberOf,
} from '../bson/values.js';
import { MongoError } from '../mongo-error.js';
import type { Collection, Index } from './collections.js';

/** The error for a document whose key is taken: code 11000, worded as MongoDB words it. */
export function duplicateKey(
  collection: Pick<Collection, 'db' | 'name'>,
  index: Pick<Index, 'name' | 'fields'>,
  document: BsonDocument,
): MongoError {
  const keyPattern: Record<string, Encodable> = {};
  const keyValue: Record<string, Encodable> = {};
  for (const [name, direction] of index.fields) {
    keyPattern[name] = direction;
    keyValue[name] = document.get(name) ?? null;
  }
  const shown = index.fields.map(([name]) => `${name}: ${text(document.get(name) ?? null)}`).join(', ');
  return new MongoError(
    11000,
    `E11000 duplicate key error collection: ${collection.db}.${collection.name} index: ${index.name} dup key: { ${shown} }`,
    { keyPattern, keyValue },
  );
}

/** A value as MongoDB's shell writes it, cut after 200 characters. */
function text(value: BsonValue): string {
  const whole = fullText(value);
  return whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
}

function fullText(value: BsonValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (isArray(value)) return `[ ${value.map(fullText).join(', ')} ]`;
  if (isDocument(value)) {
    return `{ ${[...value].map(([name, member]) => `${name}: ${fullText(member)}`).join(', ')} }`;
  }
  const bytes = Buffer.from(value.bytes);
  switch (value.type) {
    case bsonType.objectId:
      return `ObjectId('${bytes.toString('hex')}')`;
    case bsonType.binary:
      return bytes[4] === 4
        ? `UUID("${bytes.toString('hex', 5).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}")`
        : `BinData(${bytes[4]}, ${bytes.toString('hex', 5).toUpperCase()})`;
    case bsonType.decimal:
      return new Decimal128(bytes).toString();
    case bsonType.int:
    case bsonType.double:
    case bsonType.long:
      return String(numberOf(value));
    default:
      return `<BSON type ${value.type}>`;
  }
}
