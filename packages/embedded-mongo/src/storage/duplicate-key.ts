import { Decimal128 } from 'bson';
import { Box, bsonType, numberOf } from '../bson/box.js';
import type { Encodable } from '../bson/encode.js';
import { bsonName, getOwn, isViewObject, keysOf, type View, type ViewObject } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import type { Collection, Index } from './collections.js';

/** The error for a document whose key is taken: code 11000, worded as MongoDB words it. */
export function duplicateKey(
  collection: Pick<Collection, 'db' | 'name'>,
  index: Pick<Index, 'name' | 'fields'>,
  document: ViewObject,
): MongoError {
  const keyPattern: Record<string, Encodable> = {};
  const keyValue: Record<string, Encodable> = {};
  for (const [path, direction] of index.fields) {
    keyPattern[path] = direction;
    keyValue[path] = valueAt(document, path);
  }
  const shown = index.fields
    .map(([path]) => `${bsonName(path)}: ${text(valueAt(document, path))}`)
    .join(', ');
  return new MongoError(
    11000,
    `E11000 duplicate key error collection: ${collection.db}.${collection.name} index: ${index.name} dup key: { ${shown} }`,
    { keyPattern, keyValue },
  );
}

function valueAt(document: ViewObject, path: string): View {
  let value: View | undefined = document;
  for (const name of path.split('.')) value = isViewObject(value) ? getOwn(value, name) : undefined;
  return value ?? null;
}

/** A value as MongoDB's shell writes it, at most 200 characters long: it goes into a message. */
function text(value: View): string {
  const whole = fullText(value);
  return whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
}

function fullText(value: View): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[ ${value.map(fullText).join(', ')} ]`;
  if (!(value instanceof Box)) {
    return `{ ${keysOf(value)
      .map((name) => `${bsonName(name)}: ${fullText(value[name] ?? null)}`)
      .join(', ')} }`;
  }
  const bytes = Buffer.from(Box.bytesOf(value));
  switch (Box.typeOf(value)) {
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
      return `<BSON type ${Box.typeOf(value)}>`;
  }
}
