import { serialize } from 'bson';

export const OP_MSG = 2013;
const OP_QUERY = 2004;
export const HEADER_BYTES = 16;

/** An OP_MSG message with this body, and more sections behind it. */
export function message(body: object, requestId: number, sections: readonly Uint8Array[] = []): Buffer {
  return framed(OP_MSG, requestId, [Buffer.alloc(4), section(body), ...sections]);
}

/** A message with this opcode, its length and its number. */
export function framed(opcode: number, requestId: number, parts: readonly Uint8Array[]): Buffer {
  const whole = Buffer.concat([Buffer.alloc(HEADER_BYTES), ...parts]);
  whole.writeInt32LE(whole.length, 0);
  whole.writeInt32LE(requestId, 4);
  whole.writeInt32LE(opcode, 12);
  return whole;
}

/** A section of kind 0: a document. */
export const section = (body: object) => Buffer.concat([Buffer.from([0]), serialize(body)]);

/** A section of kind 1: documents, by the name of the field that they stand for. */
export function sequence(name: string, documents: readonly object[]): Buffer {
  const bytes = Buffer.concat([
    Buffer.from(`${name}\0`),
    ...documents.map((document) => serialize(document)),
  ]);
  const head = Buffer.alloc(5);
  head[0] = 1;
  head.writeInt32LE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

/** An OP_QUERY message: the oldest form of a command. */
export function query(body: object, requestId: number): Buffer {
  return framed(OP_QUERY, requestId, [
    Buffer.alloc(4),
    Buffer.from('admin.$cmd\0'),
    Buffer.from([0, 0, 0, 0, 255, 255, 255, 255]),
    serialize(body),
  ]);
}

/** `{a: {a: {a: …}}}`, or the same in arrays, this deep. */
export function nested(depth: number, isArray: boolean): Buffer {
  const name = isArray ? '0' : 'a';
  const level = 4 + 1 + name.length + 1 + 1;
  const whole = Buffer.alloc(depth * level + 5);
  for (let i = 0; i < depth; i++) {
    whole.writeInt32LE(whole.length - i * (level - 1) - i, i * (level - 1));
    whole[i * (level - 1) + 4] = isArray ? 4 : 3;
    whole.write(`${name}\0`, i * (level - 1) + 5);
  }
  whole.writeInt32LE(5, depth * (level - 1));
  return whole;
}
