import { onDemand } from 'bson';
import { MongoError } from '../mongo-error.js';
import { type BsonDocument, type BsonValue, bsonType, RawValue } from './values.js';

/** Documents nested deeper are refused, as MongoDB refuses them; it also bounds the recursion here. */
const MAX_DEPTH = 180;

/** One element of a document: its name, its type, and the bytes of its value. */
export interface Element {
  readonly name: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** The elements of a document, not decoded. Throws code 22 for bytes that are no BSON. */
export function elementsOf(document: Uint8Array): Element[] {
  const found: Element[] = [];
  for (const [type, nameOffset, nameLength, offset, length] of parsed(document)) {
    const name = nameAt(document, nameOffset, nameLength);
    found.push({ name, type, bytes: document.subarray(offset, offset + length) });
  }
  return found;
}

/** Decodes a document. Throws code 22 for bytes that are no BSON, or nested deeper than 180. */
export function decodeDocument(document: Uint8Array, depth = 0): BsonDocument {
  checkDepth(depth);
  const decoded = new Map<string, BsonValue>();
  for (const [type, nameOffset, nameLength, offset, length] of parsed(document)) {
    const name = nameAt(document, nameOffset, nameLength);
    decoded.set(name, valueAt(document, type, offset, length, depth));
  }
  return decoded;
}

/** Decodes one element's value. */
export function decodeElement({ type, bytes }: Element, depth = 0): BsonValue {
  return valueAt(bytes, type, 0, bytes.length, depth);
}

/** The document with only the members of these names, their bytes as they are. */
export function pickMembers(document: Uint8Array, names: ReadonlySet<string>): Buffer {
  const parts: Uint8Array[] = [Buffer.alloc(4)];
  for (const [, nameOffset, nameLength, offset, length] of parsed(document)) {
    if (!names.has(nameAt(document, nameOffset, nameLength))) continue;
    parts.push(document.subarray(nameOffset - 1, offset + length));
  }
  const picked = Buffer.concat([...parts, Buffer.alloc(1)]);
  picked.writeInt32LE(picked.length);
  return picked;
}

/** Where the elements of a document are. */
function parsed(document: Uint8Array) {
  try {
    return onDemand.parseToElements(document);
  } catch (error) {
    throw notBson(error);
  }
}

function nameAt(document: Uint8Array, offset: number, length: number): string {
  try {
    return onDemand.ByteUtils.toUTF8(document, offset, offset + length, true);
  } catch (error) {
    throw notBson(error);
  }
}

/** Decodes a value where it stands in its document, so that its bytes are sliced off only where they are kept. */
function valueAt(
  document: Uint8Array,
  type: number,
  offset: number,
  length: number,
  depth: number,
): BsonValue {
  const bytes = () => document.subarray(offset, offset + length);
  switch (type) {
    case bsonType.object:
      return decodeDocument(bytes(), depth + 1);
    case bsonType.array:
      checkDepth(depth);
      return elementsOf(bytes()).map((item) => decodeElement(item, depth + 1));
    case bsonType.string:
      return textAt(document, offset, length);
    case bsonType.null:
      return null;
    case bsonType.bool:
      return document[offset] === 1;
    case bsonType.date: {
      const date = new Date(Number(onDemand.NumberUtils.getBigInt64LE(document, offset)));
      // BSON has dates that JavaScript's Date cannot hold: those stay bytes.
      return Number.isNaN(date.getTime()) ? new RawValue(type, bytes()) : date;
    }
    default:
      return new RawValue(type, bytes());
  }
}

function textAt(document: Uint8Array, offset: number, length: number): string {
  const end = offset + length - 1;
  if (length < 5 || document[end] !== 0) throw new MongoError(22, 'invalid BSON: bad string');
  try {
    return onDemand.ByteUtils.toUTF8(document, offset + 4, end, true);
  } catch {
    throw new MongoError(22, 'invalid BSON: a string is not valid UTF-8');
  }
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new MongoError(22, `invalid BSON: nested deeper than ${MAX_DEPTH} levels`);
}

function notBson(error: unknown): MongoError {
  return new MongoError(22, `invalid BSON: ${error instanceof Error ? error.message : String(error)}`);
}
