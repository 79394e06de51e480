import type { DescField } from '@bufbuild/protobuf';
import { headAndTail, memoizeTail } from './memoize-tail.js';
import type { AnyRpc } from './rpc.js';

/**
 * Creates the encoder of an RPC's answers: the RPC's codec, with a cache for the frozen lists and messages at the end
 * of an answer. The head and the tail can be encoded apart, because two concatenated encodings of different fields are
 * the encoding of a message with both (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
export function answerEncoder({ method, codec }: AnyRpc): (answer: object) => Buffer {
  const { head, tail } = headAndTail(method.output);
  const empty: object = codec.responseDeserialize(Buffer.alloc(0));
  const hasSameNames = method.output.fields.every(
    ({ localName, oneof }) => oneof === undefined && Object.hasOwn(empty, localName),
  );
  const encoderOf = (fields: readonly DescField[]) => {
    const names = fields.map((field) => field.localName);
    return {
      names,
      encode: (answer: object): Buffer => {
        const part = { ...empty };
        for (const name of names) Reflect.set(part, name, Reflect.get(answer, name));
        return codec.responseSerialize(part);
      },
    };
  };
  const start = encoderOf(head);
  const end = encoderOf(tail);
  const encodeEnd = memoizeTail(end.names, end.encode);
  return tail.length === 0 || !hasSameNames
    ? codec.responseSerialize
    : (answer) => Buffer.concat([start.encode(answer), encodeEnd(answer)]);
}
