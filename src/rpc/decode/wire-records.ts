import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Parts of reading the protobuf wire format record by record
 * (https://protobuf.dev/programming-guides/encoding/#structure). protobuf-es reads a field as its type asks for,
 * whatever wire type its tag says, and does not check that a message ends where its length says. Whatever reads the
 * bytes before it must refuse both, or the two could see different fields in the same bytes.
 */

/** How deep groups may be nested in an unknown field. */
const MAX_GROUPS = 100;

/** Reads the length of a message. @returns where it ends, by the position of the reader */
export function readEnd(reader: BinaryReader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

/** @throws Error when the last record of a message goes beyond the message's end */
export function expectEnd(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new Error('a record goes beyond the end of its message');
}

/** @throws Error when a record does not have the wire type of its field */
export function expectWireType(actual: WireType, expected: WireType): void {
  if (actual !== expected) throw new Error(`wire type ${actual} instead of ${expected}`);
}

/** Goes past a record whose tag was read. @throws Error when it does not end, or holds groups too deep */
export function skipRecord(reader: BinaryReader, number: number, wireType: WireType): void {
  switch (wireType) {
    case WireType.Varint:
      // Reads any varint of up to 10 bytes, and makes nothing of it.
      reader.uint32();
      break;
    case WireType.Bit32:
      skipBytes(reader, 4);
      break;
    case WireType.Bit64:
      skipBytes(reader, 8);
      break;
    case WireType.LengthDelimited:
      skipBytes(reader, reader.uint32());
      break;
    default:
      reader.skip(wireType, number, MAX_GROUPS);
  }
}

function skipBytes(reader: BinaryReader, bytes: number): void {
  reader.pos += bytes;
  if (reader.pos > reader.len) throw new RangeError('a record goes beyond the end');
}
