import { Decimal128, NumberUtils } from 'bson';

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

/**
 * A BSON value that JavaScript has no lossless type for, kept as the bytes it came in.
 *
 * It is a class because mingo is steered by classes: two objects of one class that has its own `toString` are
 * equal when the strings are, and are ordered by the class's name first, then the string. The fields are
 * private so that no path of a query can reach into a value.
 */
export class Box {
  readonly #type: number;
  readonly #bytes: Uint8Array;

  constructor(type: number, bytes: Uint8Array) {
    this.#type = type;
    this.#bytes = bytes;
  }

  static typeOf(box: Box): number {
    return box.#type;
  }

  static bytesOf(box: Box): Uint8Array {
    return box.#bytes;
  }

  toString(): string {
    return `${this.#type}:${Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength).toString('latin1')}`;
  }
}

/**
 * A number of any of BSON's four types. Equal and ordered by value across the types, exact for 64-bit integers:
 * `<` in JavaScript compares a number with a bigint exactly. mingo takes it for a number by its name (below).
 */
export class NumberBox extends Box {
  override valueOf(): number | bigint {
    return numberOf(this);
  }

  override toString(): string {
    const value = numberOf(this);
    if (Box.typeOf(this) !== bsonType.decimal || Number.isNaN(value)) return String(value === 0 ? 0 : value);
    const text = new Decimal128(Box.bytesOf(this)).toString();
    return decimalIsExact(text, Number(value)) ? String(value === 0 ? 0 : value) : text;
  }
}

/** NaN is comparable with itself only, so it has a class of its own. */
export class NanBox extends NumberBox {}

/** A number or other value that an update assigns: never taken for equal, so that its type replaces the old. */
export class AssignedBox extends Box {}

Object.defineProperty(NumberBox, 'name', { value: 'Number' });

/** The numeric value of a box, or NaN when it holds no number. */
export function numberOf(box: Box): number | bigint {
  const bytes = Box.bytesOf(box);
  switch (Box.typeOf(box)) {
    case bsonType.int:
      return NumberUtils.getInt32LE(bytes, 0);
    case bsonType.double:
      return NumberUtils.getFloat64LE(bytes, 0);
    case bsonType.long: {
      const value = NumberUtils.getBigInt64LE(bytes, 0);
      return BigInt(Number(value)) === value ? Number(value) : value;
    }
    case bsonType.decimal:
      return Number(new Decimal128(bytes).toString());
    default:
      return Number.NaN;
  }
}

/** The box for one element's bytes. */
export function box(type: number, bytes: Uint8Array): Box {
  switch (type) {
    case bsonType.int:
    case bsonType.long:
      return new NumberBox(type, bytes);
    case bsonType.double:
    case bsonType.decimal: {
      const number = new NumberBox(type, bytes);
      return Number.isNaN(numberOf(number)) ? new NanBox(type, bytes) : number;
    }
    default:
      return new Box(type, bytes);
  }
}

/** Whether a decimal's text says exactly what the nearest double says, as far as 15 digits can tell. */
function decimalIsExact(text: string, value: number): boolean {
  return text.replace(/[^0-9]/g, '').length <= 15 && Number(text) === value;
}

/** A 32-bit integer. */
export function int32(value: number): Box {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value);
  return new NumberBox(bsonType.int, bytes);
}

/** A 64-bit integer. */
export function int64(value: bigint): Box {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(value);
  return new NumberBox(bsonType.long, bytes);
}

/** A double. */
export function double(value: number): Box {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return box(bsonType.double, bytes);
}
