import { MongoError } from '../mongo-error.js';
import { Box, bsonType, numberOf } from './box.js';
import { bsonName, elementsOf, keysOf, type View, viewOfElement } from './view.js';

/**
 * First byte of each value's key: MongoDB's order of types (manual, "Comparison/Sort Order"), with gaps.
 * None is 0, which ends an object or an array.
 */
const rank = {
  minKey: 0x0a,
  emptyArray: 0x0f,
  null: 0x14,
  number: 0x1e,
  string: 0x28,
  object: 0x32,
  array: 0x3c,
  binary: 0x46,
  objectId: 0x50,
  bool: 0x5a,
  date: 0x64,
  timestamp: 0x6e,
  regex: 0x78,
  dbPointer: 0x7d,
  code: 0x82,
  codeWithScope: 0x87,
  maxKey: 0xf0,
} as const;

/** 1 for ascending, -1 for descending. */
export type Direction = 1 | -1;

/** The order-preserving bytes of one value: comparing them as bytes compares as MongoDB does. No value's bytes
 *  begin with another's. Throws code 201 for a decimal, which has no exact place among doubles here. */
export function valueKey(value: View, direction: Direction = 1): Buffer {
  const parts: Uint8Array[] = [];
  writeKey(parts, value);
  const [only] = parts;
  const key = parts.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(parts);
  return direction === 1 ? key : inverted(key);
}

/** All bytes inverted, which reverses their order. */
export function inverted(key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = ~(key[i] ?? 0);
  return bytes;
}

/** The first bytes of the keys of all values of the same type, for range comparisons, which never cross types. */
export function typeBounds(value: View): { readonly low: Buffer; readonly high: Buffer } {
  const first = valueKey(value)[0] ?? 0;
  return { low: Buffer.from([first]), high: Buffer.from([first + 1]) };
}

/** The first bytes of all dates' keys. */
export const dateBounds = { low: Buffer.from([rank.date]), high: Buffer.from([rank.date + 1]) };

/** The key of an empty array, where an index looks into arrays. */
export const EMPTY_ARRAY = Buffer.from([rank.emptyArray]);

const NULL = Buffer.from([rank.null]);
const TRUE = Buffer.from([rank.bool, 1]);
const FALSE = Buffer.from([rank.bool, 0]);

/** A text's key: see `escaped`. */
function textKey(text: string): Buffer {
  if (text.includes('\0')) return Buffer.concat([Buffer.from([rank.string]), escaped(text)]);
  const key = Buffer.alloc(Buffer.byteLength(text) + 3);
  key[0] = rank.string;
  key.write(text, 1);
  return key;
}

/** A date's key, of its milliseconds since the epoch: as `ordered64`, whose upper half a Date leaves room in. */
function dateKey(milliseconds: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = rank.date;
  const high = Math.floor(milliseconds / 2 ** 32);
  key.writeUInt32BE((high ^ 0x8000_0000) >>> 0, 1);
  key.writeUInt32BE(milliseconds - high * 2 ** 32, 5);
  return key;
}

function writeKey(parts: Uint8Array[], value: View): void {
  if (value === null) parts.push(NULL);
  else if (typeof value === 'string') parts.push(textKey(value));
  else if (typeof value === 'boolean') parts.push(value ? TRUE : FALSE);
  else if (value instanceof Date) parts.push(dateKey(value.getTime()));
  else if (value instanceof Box) writeBox(parts, value);
  else if (Array.isArray(value)) {
    parts.push(Buffer.from([rank.array]));
    for (const item of value) writeKey(parts, item);
    parts.push(Buffer.from([0]));
  } else {
    parts.push(Buffer.from([rank.object]));
    for (const name of keysOf(value)) {
      // MongoDB compares a field's type before its name, then its value.
      const field: Uint8Array[] = [];
      writeKey(field, value[name] ?? null);
      const key = Buffer.concat(field);
      parts.push(key.subarray(0, 1), escaped(bsonName(name)), key);
    }
    parts.push(Buffer.from([0]));
  }
}

function writeBox(parts: Uint8Array[], value: Box): void {
  const { buffer, byteOffset, byteLength } = Box.bytesOf(value);
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const push = (first: number, ...rest: Uint8Array[]) => parts.push(Buffer.from([first]), ...rest);
  switch (Box.typeOf(value)) {
    case bsonType.int:
    case bsonType.double:
    case bsonType.long:
      return void push(rank.number, orderedNumber(numberOf(value)));
    case bsonType.decimal:
      throw new MongoError(201, 'the embedded server cannot index or sort by Decimal128 values');
    case bsonType.date:
      return void push(rank.date, ordered64(bytes.readBigInt64LE()));
    case bsonType.objectId:
      return void push(rank.objectId, bytes);
    case bsonType.binary: {
      // Its length, then its subtype and its bytes as they stand behind the length.
      const key = Buffer.allocUnsafe(1 + bytes.length);
      key[0] = rank.binary;
      key.writeInt32BE(bytes.length - 5, 1);
      key.set(bytes.subarray(4), 5);
      return void parts.push(key);
    }
    case bsonType.timestamp:
      return void push(rank.timestamp, Buffer.from(bytes).reverse());
    case bsonType.minKey:
      return void push(rank.minKey);
    case bsonType.maxKey:
      return void push(rank.maxKey);
    case bsonType.undefined:
      return void push(rank.null);
    case bsonType.symbol:
      return void push(rank.string, escaped(bytes.subarray(4, -1)));
    case bsonType.regex:
      return void push(rank.regex, escaped(bytes));
    case bsonType.dbPointer:
      return void push(rank.dbPointer, escaped(bytes));
    case bsonType.code:
      return void push(rank.code, escaped(bytes.subarray(4, -1)));
    case bsonType.codeWithScope:
      return void push(rank.codeWithScope, escaped(bytes));
    default: {
      const [element] = elementsOf(wrapped(value));
      if (element) writeKey(parts, viewOfElement(element));
    }
  }
}

/** A document or array that came as bytes, as the only element of a document. */
function wrapped(value: Box): Buffer {
  const bytes = Box.bytesOf(value);
  const whole = Buffer.alloc(bytes.length + 7);
  whole.writeInt32LE(whole.length);
  whole[4] = Box.typeOf(value);
  whole.set(bytes, 6);
  return whole;
}

/** UTF-8 that keeps its order although it ends at a 0: a 0 inside is followed by 255, the end by 0. */
function escaped(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
  if (!bytes.includes(0)) return Buffer.concat([bytes, Buffer.from([0, 0])]);
  const out: number[] = [];
  for (const byte of bytes) out.push(...(byte === 0 ? [0, 255] : [byte]));
  return Buffer.from([...out, 0, 0]);
}

/** A signed 64-bit integer with its sign flipped, so that its bytes are in order. */
function ordered64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value + (1n << 63n)));
  return bytes;
}

/** The nearest double in order, then how far a 64-bit integer is from it (less than 2^15), so that all are exact. */
function orderedNumber(value: number | bigint): Buffer {
  const nearest = Number(value);
  const bytes = Buffer.allocUnsafe(10);
  if (Number.isNaN(nearest)) return bytes.fill(0);
  bytes.writeDoubleBE(nearest === 0 ? 0 : nearest);
  const bits = bytes.readBigUInt64BE();
  const negative = bits >> 63n === 1n;
  bytes.writeBigUInt64BE(negative ? BigInt.asUintN(64, ~bits) : bits | (1n << 63n));
  const rest = typeof value === 'bigint' ? Number(value - BigInt(nearest)) : 0;
  bytes.writeUInt16BE(rest + 0x8000, 8);
  return bytes;
}
