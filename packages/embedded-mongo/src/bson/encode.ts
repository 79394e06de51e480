import { Box, bsonType } from './box.js';
import { bsonName, keysOf, type View, type ViewObject } from './view.js';

/** What can be written as BSON: views, and the plain numbers of our own answers. */
export type Encodable =
  | View
  | number
  | bigint
  | undefined
  | readonly Encodable[]
  | { readonly [key: string]: Encodable };

let out = Buffer.allocUnsafe(64 * 1024);
let end = 0;

/** A document that is bytes already. */
export function rawDocument(bytes: Uint8Array): Box {
  return new Box(bsonType.object, bytes);
}

/** Writes a document. Integers that fit become Int32, other numbers Double, bigints Long. */
export function encodeDocument(document: ViewObject | { readonly [key: string]: Encodable }): Buffer {
  end = 0;
  writeDocument(document);
  const bytes = Buffer.from(out.subarray(0, end));
  // One huge answer must not hold its memory for ever.
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

function writeDocument(document: { readonly [key: string]: Encodable }): void {
  const start = reserve(4);
  // The cast is safe: keysOf reads names only.
  for (const name of keysOf(document as ViewObject)) writeElement(bsonName(name), document[name]);
  writeByte(0);
  out.writeInt32LE(end - start, start);
}

function writeArray(items: readonly Encodable[]): void {
  const start = reserve(4);
  // Not forEach: a hole, left by setting an index beyond the end, is written as null.
  for (let index = 0; index < items.length; index++) writeElement(String(index), items[index] ?? null);
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
  } else if (value instanceof Box) {
    writeHeader(Box.typeOf(value), name);
    const bytes = Box.bytesOf(value);
    const at = reserve(bytes.length);
    out.set(bytes, at);
  } else if (isList(value)) {
    writeHeader(bsonType.array, name);
    writeArray(value);
  } else {
    writeHeader(bsonType.object, name);
    writeDocument(value);
  }
}

/** `reserve` may replace `out`, so it must have run before `out` is read: never both in one expression. */
function writeByte(byte: number): void {
  const at = reserve(1);
  out[at] = byte;
}

function isList(value: object): value is readonly Encodable[] {
  return Array.isArray(value);
}
