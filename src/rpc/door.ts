import {
  type BinaryReadOptions,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJsonString,
  getOption,
  hasOption,
  type JsonReadOptions,
  type Message,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { FieldBehavior, field_behavior } from '../gen/protobuf-es/google/api/field_behavior_pb.js';
import { ServiceError } from './errors.js';
import type { Rpc, StreamRpc } from './rpc.js';

/**
 * The one door: every request, from any edge, becomes its protobuf-es message here and is checked for its
 * shape (is it a request at all?) before anything else looks at it. The first fault is answered alone.
 *
 * protobuf-es and not ts-proto does the reading because it is the strict one: it refuses bad UTF-8 and keeps
 * `__proto__`, where ts-proto's Struct mends the one and drops the other. See docs/adr/0002.
 */

/** How JSON is read: as proto3 JSON, unknown members ignored. */
export const jsonReadOptions = {
  ignoreUnknownFields: true,
  recursionLimit: 100,
} as const satisfies Partial<JsonReadOptions>;

/**
 * How the wire format is read. A nested list costs two messages (ListValue, Value) on the wire and one level
 * in JSON: with these limits both refuse the same depth.
 */
export const binaryReadOptions = {
  readUnknownFields: false,
  recursionLimit: 198,
} as const satisfies Partial<BinaryReadOptions>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a request from JSON (https://protobuf.dev/programming-guides/json/).
 *
 * @throws ServiceError invalid_input
 */
export function readJson<D extends DescMessage>(desc: D, body: Uint8Array): MessageShape<D> {
  if (body.length === 0) throw invalidInput('The body is empty; a JSON object is expected.');
  try {
    return checkShape(desc, fromJsonString(desc, utf8.decode(body), jsonReadOptions));
  } catch (error) {
    throw asInvalidInput(error, 'The body is not a well-formed JSON object of this request.');
  }
}

/**
 * Reads a request from the protobuf wire format.
 *
 * @throws ServiceError invalid_input
 */
export function readBinary<D extends DescMessage>(desc: D, body: Uint8Array): MessageShape<D> {
  try {
    return checkShape(desc, fromBinary(desc, body, binaryReadOptions));
  } catch (error) {
    throw asInvalidInput(error, 'The message is not a well-formed protobuf message of this request.');
  }
}

/** The checked message as the handler's type: through the wire bytes, so that no field is mapped by hand. */
export function bridgeRequest<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input> | StreamRpc<Request, Response, Input>,
  message: MessageShape<Input>,
): Request {
  const { buffer, byteOffset, byteLength } = toBinary(rpc.method.input, message);
  return rpc.codec.requestDeserialize(Buffer.from(buffer, byteOffset, byteLength));
}

/** A handler's answer as a protobuf-es message: the same way back. */
export function bridgeResponse<Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input>,
  response: Response,
): Message {
  return fromBinary(rpc.method.output, rpc.codec.responseSerialize(response));
}

/** What the shape of a message depends on, found once for each type. */
interface Shape {
  readonly required: readonly DescField[];
  readonly structs: readonly DescField[];
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(desc: DescMessage): Shape {
  let shape = shapes.get(desc);
  if (shape === undefined) {
    shape = { required: desc.fields.filter(isRequired), structs: desc.fields.filter(isStruct) };
    shapes.set(desc, shape);
  }
  return shape;
}

/** Whether the proto file says REQUIRED (AIP-203). */
function isRequired(field: DescField): boolean {
  return (
    field.proto.options !== undefined &&
    hasOption(field, field_behavior) &&
    getOption(field, field_behavior).includes(FieldBehavior.REQUIRED)
  );
}

function isStruct(field: DescField): boolean {
  return field.message?.typeName === 'google.protobuf.Struct';
}

/** Checks what the decoders let through: absent required fields, and what JSON and UTF-8 cannot carry. */
function checkShape<D extends DescMessage>(desc: D, message: MessageShape<D>): MessageShape<D> {
  const shape = shapeOf(desc);
  for (const field of shape.required) {
    const value: unknown = Reflect.get(message, field.localName);
    if (value === undefined || value === '') throw invalidInput(`${field.jsonName} is required.`);
  }
  for (const field of shape.structs) checkValue(Reflect.get(message, field.localName), field);
  return message;
}

function checkValue(value: unknown, field: DescField): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalidInput(`${field.jsonName} holds a number that is not finite.`);
  }
  if (typeof value === 'string' && !value.isWellFormed()) throw loneSurrogate(field);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) throw loneSurrogate(field);
    checkValue(member, field);
  }
}

function loneSurrogate(field: DescField): ServiceError {
  return invalidInput(`${field.jsonName} holds a lone surrogate, which is not valid Unicode.`);
}

function invalidInput(message: string, cause?: unknown): ServiceError {
  return new ServiceError('invalid_input', message, {}, cause);
}

/** A decoder's complaint in our words: it names the member when it knows it, and never quotes its value. */
function asInvalidInput(error: unknown, otherwise: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const field = isFieldError(cause) ? cause.field() : undefined;
  if (field?.kind !== 'field') return invalidInput(otherwise, error);
  return invalidInput(`${field.jsonName} does not have the type of this field, or is given twice.`, error);
}
