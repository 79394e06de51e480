import { bsonType, type Encodable, isArray, RawValue } from './values.js';

let out = Buffer.allocUnsafe(64 * 1024);
let end = 0;

/** A document that is BSON already, as a part of a larger one. */
export function rawDocument(bytes: Uint8Array): RawValue {
  return new RawValue(bsonType.object, bytes);
}

type Members = ReadonlyMap<string, Encodable> | { readonly [key: string]: Encodable };

/** Writes a document. Plain integers become Int32 where they fit, other numbers Double, bigints Long. */
export function encodeDocument(document: Members): Buffer {
  end = 0;
  writeDocument(document);
  const bytes = Buffer.from(out.subarray(0, end));
  // The buffer of one huge answer is not kept.
  if (out.length > 1024 * 1024) out = Buffer.allocUnsafe(64 * 1024);
  return bytes;
}

function reserve(size: number): number {
  const start = end;
  end += size;
  if (end > out.length) {
    const grown = Buffer.allocUnsafe(Math.max(out.length * 2, end));
    out.copy(grown, 0, 0, start);
    out = grown;
  }
  return start;
}

function writeDocument(document: Members): void {
  const start = reserve(4);
  const members = document instanceof Map ? document : Object.entries(document);
  for (const [name, value] of members) writeElement(name, value);
  writeByte(0);
  out.writeInt32LE(end - start, start);
}

function writeArray(items: readonly Encodable[]): void {
  const start = reserve(4);
  for (const [index, item] of items.entries()) writeElement(String(index), item);
  writeByte(0);
  out.writeInt32LE(end - start, start);
}

function writeHeader(type: number, name: string): void {
  writeByte(type);
  const size = Buffer.byteLength(name);
  const at = reserve(size + 1);
  out.write(name, at);
  out[at + size] = 0;
}

function writeElement(name: string, value: Encodable): void {
  if (value === undefined) return;
  if (value === null) {
    writeHeader(bsonType.null, name);
  } else if (typeof value === 'string') {
    writeHeader(bsonType.string, name);
    const size = Buffer.byteLength(value);
    const at = reserve(size + 5);
    out.writeInt32LE(size + 1, at);
    out.write(value, at + 4);
    out[at + 4 + size] = 0;
  } else if (typeof value === 'boolean') {
    writeHeader(bsonType.bool, name);
    writeByte(value ? 1 : 0);
  } else if (typeof value === 'number') {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
      writeHeader(bsonType.int, name);
      const at = reserve(4);
      out.writeInt32LE(value, at);
    } else {
      writeHeader(bsonType.double, name);
      const at = reserve(8);
      out.writeDoubleLE(value, at);
    }
  } else if (typeof value === 'bigint') {
    writeHeader(bsonType.long, name);
    const at = reserve(8);
    out.writeBigInt64LE(value, at);
  } else if (value instanceof Date) {
    writeHeader(bsonType.date, name);
    const at = reserve(8);
    out.writeBigInt64LE(BigInt(value.getTime()), at);
  } else if (value instanceof RawValue) {
    writeHeader(value.type, name);
    const at = reserve(value.bytes.length);
    out.set(value.bytes, at);
  } else if (isArray(value)) {
    writeHeader(bsonType.array, name);
    writeArray(value);
  } else {
    writeHeader(bsonType.object, name);
    writeDocument(value);
  }
}

/** `reserve` may replace `out`, so it runs in a statement before `out` is read. */
function writeByte(byte: number): void {
  const at = reserve(1);
  out[at] = byte;
}
