import { type DescField, type Registry, toJsonString } from '@bufbuild/protobuf';
import { bridgeResponse } from './bridge.js';
import { headAndTail, memoizeTail } from './memoize-tail.js';
import type { AnyRpc } from './rpc.js';

/** Encodes an answer of an RPC (ts-proto). */
export type EncodeAnswer = (answer: object) => Buffer;

/**
 * Creates the protobuf encoder of an RPC's answers: the RPC's codec, with a cache for the tail. Two concatenated
 * encodings of different fields are the encoding of a message with both
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
export function binaryEncoder(rpc: AnyRpc): EncodeAnswer {
  return inTwoParts(rpc, rpc.codec.responseSerialize, (head, tail) => Buffer.concat([head, tail]));
}

/**
 * Creates the encoder of an RPC's answers as proto3 JSON, with a cache for the tail.
 *
 * @param registry the types that a google.protobuf.Any of an answer may hold
 */
export function jsonEncoder(rpc: AnyRpc, registry?: Registry): EncodeAnswer {
  const options = registry === undefined ? {} : { registry };
  const encode: EncodeAnswer = (answer) =>
    Buffer.from(toJsonString(rpc.method.output, bridgeResponse(rpc, answer), options));
  return inTwoParts(rpc, encode, joinObjects);
}

/**
 * Encodes the head and the tail of an answer (see {@link headAndTail}) apart. The tail is cached while its lists and
 * messages are the same frozen objects: most answers share them.
 */
function inTwoParts(
  { method, codec }: AnyRpc,
  encode: EncodeAnswer,
  join: (head: Buffer, tail: Buffer) => Buffer,
): EncodeAnswer {
  const { head, tail } = headAndTail(method.output);
  const empty: object = codec.responseDeserialize(Buffer.alloc(0));
  const hasSameNames = method.output.fields.every(
    ({ localName, oneof }) => oneof === undefined && Object.hasOwn(empty, localName),
  );
  if (tail.length === 0 || !hasSameNames) return encode;

  const tailNames = namesOf(tail);
  const encodeHead = partEncoder(namesOf(head));
  const encodeTail = memoizeTail(tailNames, partEncoder(tailNames));
  return (answer) => join(encodeHead(answer), encodeTail(answer));

  function partEncoder(names: readonly string[]): EncodeAnswer {
    return (answer) => {
      const part = { ...empty };
      for (const name of names) Reflect.set(part, name, Reflect.get(answer, name));
      return encode(part);
    };
  }
}

function namesOf(fields: readonly DescField[]): readonly string[] {
  return fields.map((field) => field.localName);
}

const COMMA = Buffer.from(',');
/** The length of `{}`. */
const EMPTY_OBJECT = 2;

/** The JSON object with the members of both. */
function joinObjects(head: Buffer, tail: Buffer): Buffer {
  if (head.length === EMPTY_OBJECT) return tail;
  if (tail.length === EMPTY_OBJECT) return head;
  return Buffer.concat([head.subarray(0, -1), COMMA, tail.subarray(1)]);
}
