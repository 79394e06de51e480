import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { isStruct } from './decode/plain-json.js';
import type { AnyRpc, AnyStreamRpc, Rpc, StreamRpc } from './rpc.js';

/**
 * The bridge between the two generators' types: requests are decoded as protobuf-es messages, and handlers speak
 * ts-proto's plain objects. No field is mapped by hand.
 */

/** A decoded request as its handler's type: member by member where both generators agree, else through the wire bytes. */
export function bridgeRequest<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input> | StreamRpc<Request, Response, Input>,
  message: MessageShape<Input>,
): Request {
  const names = commonMembers(rpc);
  if (names === undefined) {
    const { buffer, byteOffset, byteLength } = toBinary(rpc.method.input, message);
    return rpc.codec.requestDeserialize(Buffer.from(buffer, byteOffset, byteLength));
  }
  const request: Record<string, unknown> = {};
  for (const name of names) request[name] = Reflect.get(message, name);
  // The cast is safe: these are all members of the type, and membersInCommon has compared them.
  return request as Request;
}

const common = new WeakMap<object, readonly string[] | undefined>();

function commonMembers(rpc: AnyRpc | AnyStreamRpc): readonly string[] | undefined {
  if (!common.has(rpc)) common.set(rpc, membersInCommon(rpc));
  return common.get(rpc);
}

/**
 * The names of a request's members where both generators make the same of them; undefined where they do not. They name
 * members by different rules, and have absent values, enums, 64-bit numbers and messages in different forms; but texts,
 * flags and Structs are the same in both, and an empty message of each shows the names and what stands for absent.
 */
function membersInCommon({ method, codec }: AnyRpc | AnyStreamRpc): readonly string[] | undefined {
  const input: DescMessage = method.input;
  const ours = create(input);
  const theirs: object = codec.requestDeserialize(Buffer.alloc(0));
  const names = Object.keys(theirs);
  const isCommon =
    input.fields.length === names.length &&
    input.fields.every((field) => hasOneForm(field) && names.includes(field.localName)) &&
    names.every((name) => Reflect.get(ours, name) === Reflect.get(theirs, name));
  return isCommon ? names : undefined;
}

/** Whether a field's values are the same in both generators' messages. */
function hasOneForm(field: DescField): boolean {
  if (field.fieldKind === 'scalar')
    return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BOOL;
  return isStruct(field);
}

/** A handler's answer as a protobuf-es message: the same way back. */
export function bridgeResponse<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input>,
  response: Response,
): Message {
  return fromBinary(rpc.method.output, rpc.codec.responseSerialize(response));
}
