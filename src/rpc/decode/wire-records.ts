import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Functions that read the protobuf wire format record by record
 * (https://protobuf.dev/programming-guides/encoding/#structure).
 *
 * protobuf-es ignores the wire type of a tag and reads a field by its declared type; nor does it check that a message
 * ends at its declared length. A reader that runs before protobuf-es must refuse both faults: else the two readers
 * could see different fields in the same bytes.
 */

/** The maximum nesting of groups in an unknown field. */
const MAX_GROUPS = 100;

/** Reads the length of a message. @returns the position of its end */
export function readEnd(reader: BinaryReader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

/** Checks that the reader is at the end of a message. @throws Error when the last record goes beyond it */
export function expectEnd(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new Error('a record goes beyond the end of its message');
}

/** Checks that a record has the wire type of its field. @throws Error when it has another */
export function expectWireType(actual: WireType, expected: WireType): void {
  if (actual !== expected) throw new Error(`wire type ${actual} instead of ${expected}`);
}

/** Skips a record whose tag has been read. @throws Error when it is truncated, or nests groups too deep */
export function skipRecord(reader: BinaryReader, number: number, wireType: WireType): void {
  switch (wireType) {
    case WireType.Varint:
      // Skips any varint of up to 10 bytes.
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
