/** The protobuf wire format by hand, for messages that no encoder makes: https://protobuf.dev/programming-guides/encoding/ */

/** A varint of a whole number that is not negative. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    bytes.push(left >= 128 ? (left % 128) | 0x80 : left);
    if (left < 128) return Buffer.from(bytes);
  }
}

/** A field of wire type 2: its tag, its length and its bytes. */
export function lengthDelimited(field: number, ...contents: readonly (Uint8Array | string)[]): Buffer {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

/** One entry of a google.protobuf.Struct: a key, and the bytes of its google.protobuf.Value. */
export function structEntry(key: string | Uint8Array, value: Uint8Array): Buffer {
  return lengthDelimited(1, lengthDelimited(1, key), lengthDelimited(2, value));
}

/** The bytes of a google.protobuf.Value: each is one member of its oneof `kind`, so that several can be joined. */
export const valueBytes = {
  null: Buffer.from([0x08, 0]),
  number(number: number): Buffer {
    const bytes = Buffer.alloc(9);
    bytes.writeUInt8(0x11, 0);
    bytes.writeDoubleLE(number, 1);
    return bytes;
  },
  text: (text: string | Uint8Array): Buffer => lengthDelimited(3, text),
  true: Buffer.from([0x20, 1]),
  struct: (...entries: readonly Uint8Array[]): Buffer => lengthDelimited(5, ...entries),
  list: (...values: readonly Uint8Array[]): Buffer =>
    lengthDelimited(6, ...values.map((value) => lengthDelimited(1, value))),
};
