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
 * Converts a decoded request to its handler's type. Members are copied where both generators represent their values
 * alike; a request with another member is encoded and decoded again.
 */
export function bridgeRequest<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input> | StreamRpc<Request, Response, Input>,
  message: MessageShape<Input>,
): Request {
  const members = sharedMembers(rpc);
  if (members === undefined) return bridgeBytes(rpc, message);
  const request: Record<string, unknown> = {};
  for (const { name, isShared, absent } of members) {
    const value: unknown = Reflect.get(message, name);
    if (!isShared && value !== absent) return bridgeBytes(rpc, message);
    request[name] = value;
  }
  // The cast is safe: findSharedMembers has checked that these are all members of the type, with the same values.
  return request as Request;
}

function bridgeBytes<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input> | StreamRpc<Request, Response, Input>,
  message: MessageShape<Input>,
): Request {
  const { buffer, byteOffset, byteLength } = toBinary(rpc.method.input, message);
  return rpc.codec.requestDeserialize(Buffer.from(buffer, byteOffset, byteLength));
}

/** A member of a request that has the same name and the same absent value in both generators. */
interface SharedMember {
  readonly name: string;
  /** Whether all its values are the same in both; else only the absent one is. */
  readonly isShared: boolean;
  readonly absent: unknown;
}

const sharedMembersCache = new WeakMap<object, readonly SharedMember[] | undefined>();

function sharedMembers(rpc: AnyRpc | AnyStreamRpc): readonly SharedMember[] | undefined {
  if (!sharedMembersCache.has(rpc)) sharedMembersCache.set(rpc, findSharedMembers(rpc));
  return sharedMembersCache.get(rpc);
}

/**
 * Finds the members of a request, when both generators have the same absent value for each; else returns undefined.
 *
 * The generators camelCase names by different rules, and differ in absent values, enums, 64-bit numbers and messages.
 * Strings, booleans and Structs are the same in both. An empty message of each generator shows its names and its absent
 * values.
 */
function findSharedMembers({ method, codec }: AnyRpc | AnyStreamRpc): readonly SharedMember[] | undefined {
  const input: DescMessage = method.input;
  const emptyEs = create(input);
  const emptyTsProto: object = codec.requestDeserialize(Buffer.alloc(0));
  const names = new Set(Object.keys(emptyTsProto));
  const members = input.fields.map((field) => ({
    name: field.localName,
    isShared: isSameInBoth(field),
    absent: Reflect.get(emptyTsProto, field.localName),
  }));
  const areAllShared =
    members.length === names.size &&
    members.every(({ name, absent }) => names.has(name) && Reflect.get(emptyEs, name) === absent);
  return areAllShared ? members : undefined;
}

/** Whether both generators represent all values of a field alike. */
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
