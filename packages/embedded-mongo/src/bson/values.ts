import { NumberUtils } from 'bson';

/** BSON's element types (bsonspec.org). */
export const bsonType = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int: 16,
  timestamp: 17,
  long: 18,
  decimal: 19,
  maxKey: 127,
  minKey: 255,
} as const;

const names = new Map<number, string>(Object.entries(bsonType).map(([name, type]) => [type, name]));

/** A BSON value that JavaScript has no lossless type for, numbers among them, kept as the bytes it came in. */
export class RawValue {
  readonly type: number;
  readonly bytes: Uint8Array;

  constructor(type: number, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }
}

/** A decoded BSON value. Decoding loses nothing. */
export type BsonValue = null | boolean | string | Date | RawValue | readonly BsonValue[] | BsonDocument;

/** A decoded BSON document. A Map keeps the order of its members and knows no inherited names. */
export interface BsonDocument extends ReadonlyMap<string, BsonValue> {}

/** What can be written as BSON: decoded values, and the plain numbers and objects of the server's own answers. */
export type Encodable =
  | BsonValue
  | number
  | bigint
  | undefined
  | readonly Encodable[]
  | { readonly [key: string]: Encodable };

/** Whether a value is a document. */
export function isDocument(value: unknown): value is BsonDocument {
  return value instanceof Map;
}

/** Whether a value is an array. */
export function isArray<T>(value: T | readonly T[] | null | undefined): value is readonly T[] {
  return Array.isArray(value);
}

/** The number in a raw value, exact for all that a double or a 64-bit integer holds; NaN when it holds none. */
export function numberOf({ type, bytes }: RawValue): number | bigint {
  switch (type) {
    case bsonType.int:
      return NumberUtils.getInt32LE(bytes, 0);
    case bsonType.double:
      return NumberUtils.getFloat64LE(bytes, 0);
    case bsonType.long: {
      const value = NumberUtils.getBigInt64LE(bytes, 0);
      return BigInt(Number(value)) === value ? Number(value) : value;
    }
    default:
      return Number.NaN;
  }
}

/** A value as a plain number; NaN for what is none. */
export function plainNumber(value: BsonValue | undefined): number {
  return value instanceof RawValue ? Number(numberOf(value)) : Number.NaN;
}

/** The name of a value's type, for messages. */
export function typeName(value: BsonValue): string {
  if (value === null) return 'null';
  if (value instanceof Date) return 'date';
  if (value instanceof RawValue) return names.get(value.type) ?? `type ${value.type}`;
  if (isDocument(value)) return 'object';
  return isArray(value) ? 'array' : typeof value;
}
