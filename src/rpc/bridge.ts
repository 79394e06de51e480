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
 * The bridge between the types of the two code generators. Requests are decoded as protobuf-es messages; handlers take
 * and return ts-proto's plain objects. No field is mapped by hand.
 */

/**
 * Converts a decoded request to its handler's type. Members are copied where both generators represent all of those
 * that are set alike; other requests are encoded and decoded again.
 */
export function bridgeRequest<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input> | StreamRpc<Request, Response, Input>,
  message: MessageShape<Input>,
): Request {
  const shared = sharedMembers(rpc);
  if (shared === undefined || shared.unlike.some((name) => Reflect.get(message, name) !== undefined)) {
    const { buffer, byteOffset, byteLength } = toBinary(rpc.method.input, message);
    return rpc.codec.requestDeserialize(Buffer.from(buffer, byteOffset, byteLength));
  }
  const request: Record<string, unknown> = {};
  for (const name of shared.names) request[name] = Reflect.get(message, name);
  // The cast is safe: findSharedMembers has checked that these are all members of the type, with the same values.
  return request as Request;
}

/** The members of a request that can be copied. */
interface SharedMembers {
  /** The names of all members. */
  readonly names: readonly string[];
  /** The names of messages, which are alike only while they are absent. */
  readonly unlike: readonly string[];
}

const sharedMembersCache = new WeakMap<object, SharedMembers | undefined>();

function sharedMembers(rpc: AnyRpc | AnyStreamRpc): SharedMembers | undefined {
  if (!sharedMembersCache.has(rpc)) sharedMembersCache.set(rpc, findSharedMembers(rpc));
  return sharedMembersCache.get(rpc);
}

/**
 * Finds the names of a request's members, when both generators represent every member alike or alike while it is absent;
 * else returns undefined.
 *
 * The generators camelCase names by different rules, and differ in absent values, enums, 64-bit numbers and messages.
 * Strings, booleans, Structs and absent messages are the same in both. An empty message of each generator shows its names
 * and its absent values.
 */
function findSharedMembers({ method, codec }: AnyRpc | AnyStreamRpc): SharedMembers | undefined {
  const input: DescMessage = method.input;
  const emptyEs = create(input);
  const emptyTsProto: object = codec.requestDeserialize(Buffer.alloc(0));
  const names = Object.keys(emptyTsProto);
  const unlike = input.fields.filter((field) => !isSameInBoth(field));
  const areAllShared =
    input.fields.length === names.length &&
    unlike.every((field) => field.fieldKind === 'message') &&
    input.fields.every((field) => names.includes(field.localName)) &&
    names.every((name) => Reflect.get(emptyEs, name) === Reflect.get(emptyTsProto, name));
  return areAllShared ? { names, unlike: unlike.map((field) => field.localName) } : undefined;
}

/** Whether both generators represent a field's values alike. */
function isSameInBoth(field: DescField): boolean {
  if (field.fieldKind === 'scalar')
    return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BOOL;
  return isStruct(field);
}

/** Converts a handler's answer to a protobuf-es message, through the wire bytes. */
export function bridgeResponse<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input>,
  response: Response,
): Message {
  return fromBinary(rpc.method.output, rpc.codec.responseSerialize(response));
}
