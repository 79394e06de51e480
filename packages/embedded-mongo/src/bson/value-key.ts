import { MongoError } from '../mongo-error.js';
import { decodeElement, elementsOf } from './decode.js';
import { type BsonValue, bsonType, isArray, numberOf, RawValue } from './values.js';

/**
 * First byte of each value's key: MongoDB's order of types (manual, "Comparison/Sort Order"), with gaps.
 * None is 0, which ends an object or an array.
 */
const RANK = {
  minKey: 0x0a,
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

/**
 * A value's key: bytes in the order in which MongoDB orders values. Equal values have equal keys, and no key is the
 * beginning of another. Throws code 201 for Decimal128, whose exact order among doubles is not worked out here.
 */
export function valueKey(value: BsonValue): Buffer {
  const parts: Uint8Array[] = [];
  writeKey(parts, value);
  const [only] = parts;
  return parts.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(parts);
}

/** A key with all its bytes inverted, which reverses the order of keys. */
export function inverted(key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = ~(key[i] ?? 0);
  return bytes;
}

/** The range of the keys of all values of the same type. Comparisons with $gt and $lt never cross types. */
export function typeBounds(key: Buffer): { readonly low: Buffer; readonly high: Buffer } {
  const first = key[0] ?? 0;
  return { low: Buffer.from([first]), high: Buffer.from([first + 1]) };
}

/** Whether two keys are of values of the same type; all numbers are of one. */
export function isSameType(a: Buffer, b: Buffer): boolean {
  return a[0] === b[0];
}

/** The range of all dates' keys. */
export const DATE_BOUNDS = { low: Buffer.from([RANK.date]), high: Buffer.from([RANK.date + 1]) };

/** The key of null, and of a member that is not there. */
export const NULL_KEY = Buffer.from([RANK.null]);
/** The key of NaN, which is equal to itself alone, and neither above nor below any number. */
export const NAN_KEY = Buffer.from([RANK.number, ...Buffer.alloc(10)]);
const TRUE = Buffer.from([RANK.bool, 1]);
const FALSE = Buffer.from([RANK.bool, 0]);

/** A text's key. One without a 0, as nearly all are, needs no escaping. */
function textKey(text: string): Buffer {
  if (text.includes('\0')) return Buffer.concat([Buffer.from([RANK.string]), escaped(text)]);
  const key = Buffer.alloc(Buffer.byteLength(text) + 3);
  key[0] = RANK.string;
  key.write(text, 1);
  return key;
}

/** A date's key, of its milliseconds since the epoch. Made in two halves: BigInt, as in `ordered64`, is slower. */
function dateKey(milliseconds: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = RANK.date;
  const high = Math.floor(milliseconds / 2 ** 32);
  key.writeUInt32BE((high ^ 0x8000_0000) >>> 0, 1);
  key.writeUInt32BE(milliseconds - high * 2 ** 32, 5);
  return key;
}

function writeKey(parts: Uint8Array[], value: BsonValue): void {
  if (value === null) parts.push(NULL_KEY);
  else if (typeof value === 'string') parts.push(textKey(value));
  else if (typeof value === 'boolean') parts.push(value ? TRUE : FALSE);
  else if (value instanceof Date) parts.push(dateKey(value.getTime()));
  else if (value instanceof RawValue) writeRaw(parts, value);
  else if (isArray(value)) {
    parts.push(Buffer.from([RANK.array]));
    for (const item of value) writeKey(parts, item);
    parts.push(Buffer.from([0]));
  } else {
    parts.push(Buffer.from([RANK.object]));
    for (const [name, member] of value) {
      // MongoDB compares a member's type first, then its name, then its value.
      const key = valueKey(member);
      parts.push(key.subarray(0, 1), escaped(name), key);
    }
    parts.push(Buffer.from([0]));
  }
}

function writeRaw(parts: Uint8Array[], value: RawValue): void {
  const { buffer, byteOffset, byteLength } = value.bytes;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const push = (first: number, ...rest: Uint8Array[]) => parts.push(Buffer.from([first]), ...rest);
  switch (value.type) {
    case bsonType.int:
    case bsonType.double:
    case bsonType.long:
      return void push(RANK.number, orderedNumber(numberOf(value)));
    case bsonType.decimal:
      throw new MongoError(201, 'the embedded server does not compare Decimal128 values');
    case bsonType.date:
      return void push(RANK.date, ordered64(bytes.readBigInt64LE()));
    case bsonType.objectId:
      return void push(RANK.objectId, bytes);
    case bsonType.binary: {
      // Its length, then its subtype and its bytes as they stand behind the length.
      const key = Buffer.allocUnsafe(1 + bytes.length);
      key[0] = RANK.binary;
      key.writeInt32BE(bytes.length - 5, 1);
      key.set(bytes.subarray(4), 5);
      return void parts.push(key);
    }
    case bsonType.timestamp:
      return void push(RANK.timestamp, Buffer.from(bytes).reverse());
    case bsonType.minKey:
      return void push(RANK.minKey);
    case bsonType.maxKey:
      return void push(RANK.maxKey);
    case bsonType.undefined:
      return void push(RANK.null);
    case bsonType.symbol:
      return void push(RANK.string, escaped(bytes.subarray(4, -1)));
    case bsonType.regex:
      return void push(RANK.regex, escaped(bytes));
    case bsonType.dbPointer:
      return void push(RANK.dbPointer, escaped(bytes));
    case bsonType.code:
      return void push(RANK.code, escaped(bytes.subarray(4, -1)));
    case bsonType.codeWithScope:
      return void push(RANK.codeWithScope, escaped(bytes));
    default: {
      const [element] = elementsOf(wrapped(value));
      if (element) writeKey(parts, decodeElement(element));
    }
  }
}

/** A document or array that came as bytes, as the only element of a document. */
function wrapped({ type, bytes }: RawValue): Buffer {
  const whole = Buffer.alloc(bytes.length + 7);
  whole.writeInt32LE(whole.length);
  whole[4] = type;
  whole.set(bytes, 6);
  return whole;
}

/** UTF-8 that ends with two 0 bytes. A 0 within it is followed by 255, so that the order of texts is kept. */
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

/** The nearest double, then the difference of a 64-bit integer from it (less than 2^15), so that order is exact. */
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
