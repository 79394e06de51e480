import {
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  getOption,
  hasOption,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  type Registry,
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { FieldBehavior, field_behavior } from '../../gen/protobuf-es/google/api/field_behavior_pb.js';
import { ServiceError } from '../errors.js';
import { checkDuration, isDuration } from './duration.js';
import { invalidInput, loneSurrogate, notFinite, wrongType } from './invalid-input.js';
import { isObject, isStruct, plainJson, type ReadPlainJson } from './plain-json.js';
import { parseStrictJson } from './strict-json.js';
import { takeStructs } from './take-structs.js';

/**
 * Decodes the requests of all edges to protobuf-es messages and checks that they are well-formed, before anything else
 * reads them. Decoding stops at the first fault and reports only that one.
 *
 * The decoder is protobuf-es because it is strict: it refuses invalid UTF-8, which ts-proto's Struct replaces, and
 * keeps the member `__proto__`, which ts-proto's Struct drops. Structs are decoded by code of this service, because
 * protobuf-es can take 22 s for a Struct of 64 KiB. See docs/adr/0002.
 */

/**
 * The maximum nesting of a request, in either format. A JSON object or list is one level; so is a message, Struct or
 * list of the wire format. It bounds the recursion of every reader.
 */
const MAX_DEPTH = 99;

/** Unknown JSON members are ignored, as protobuf does with unknown fields of the wire format. */
const jsonReadOptions = { ignoreUnknownFields: true } as const;

/** Unknown fields of the wire format are dropped: nothing would read them. */
const binaryReadOptions = { readUnknownFields: false } as const;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes a request from proto3 JSON (https://protobuf.dev/programming-guides/json/).
 *
 * @param registry the types that a google.protobuf.Any may contain; none by default
 * @throws ServiceError invalid_input
 */
export function readJson<D extends DescMessage>(
  desc: D,
  body: Uint8Array,
  registry?: Registry,
): MessageShape<D> {
  if (body.length === 0) throw invalidInput('The body is empty; a JSON object is expected.');
  try {
    const { json, isInteroperable } = parseStrictJson(utf8.decode(body), MAX_DEPTH);
    const shape = shapeOf(desc);
    const plain = isInteroperable ? shape.readPlain(json) : undefined;
    return checkRequired(shape, plain ?? readOtherJson(desc, shape, json, registry));
  } catch (error) {
    throw asInvalidInput(error, 'The body is not a well-formed JSON object of this request.');
  }
}

/**
 * Decodes a request from the protobuf wire format.
 *
 * @throws ServiceError invalid_input
 */
export function readBinary<D extends DescMessage>(desc: D, body: Uint8Array): MessageShape<D> {
  try {
    // A plain Uint8Array, because subarrays of a Buffer are Buffers, which are slower to create.
    const bytes = new Uint8Array(body.buffer, body.byteOffset, body.length);
    const { structs, rest } = takeStructs(desc, bytes, MAX_DEPTH);
    const message = fromBinary(desc, rest, binaryReadOptions);
    for (const [field, value] of structs) Reflect.set(message, field.localName, value);
    const shape = shapeOf(desc);
    for (const field of shape.durations) {
      checkDuration(field, Reflect.get(message, field.localName));
    }
    return checkRequired(shape, message);
  } catch (error) {
    throw asInvalidInput(error, 'The message is not a well-formed protobuf message of this request.');
  }
}

/** Decodes JSON with protobuf-es, except for Structs: their value in the message is the JSON object itself. */
function readOtherJson<D extends DescMessage>(
  desc: D,
  shape: Shape<D>,
  json: JsonValue,
  registry: Registry | undefined,
): MessageShape<D> {
  const options = registry === undefined ? jsonReadOptions : { ...jsonReadOptions, registry };
  if (!isObject(json)) return fromJson(desc, json, options);
  const rest = { ...json };
  const structs: [DescField, JsonObject][] = [];
  for (const field of shape.structs) {
    for (const name of new Set([field.jsonName, field.name])) {
      const value = json[name];
      if (value === undefined || !isObject(value)) continue;
      if (structs.at(-1)?.[0] === field) throw wrongType(field);
      checkValue(value, field);
      structs.push([field, value]);
      // In proto3 JSON null stands for an absent field.
      rest[name] = null;
    }
  }
  const message = fromJson(desc, rest, options);
  for (const [field, value] of structs) Reflect.set(message, field.localName, value);
  return message;
}

/** The fields of a message type that need special treatment; computed once per type. */
interface Shape<D extends DescMessage> {
  readonly required: readonly DescField[];
  readonly structs: readonly DescField[];
  readonly durations: readonly DescField[];
  readonly readPlain: ReadPlainJson<D>;
}

const shapes = new WeakMap<DescMessage, Shape<DescMessage>>();

function shapeOf<D extends DescMessage>(desc: D): Shape<D> {
  let shape = shapes.get(desc);
  if (shape === undefined) {
    const { fields } = desc;
    shape = {
      required: fields.filter(isRequired),
      structs: fields.filter(isStruct),
      durations: fields.filter(isDuration),
      readPlain: plainJson(desc),
    };
    shapes.set(desc, shape);
  }
  // The cast is safe: the cached value was made for this type.
  return shape as Shape<D>;
}

/** Whether the proto file marks a field as REQUIRED (AIP-203). */
function isRequired(field: DescField): boolean {
  return (
    field.proto.options !== undefined &&
    hasOption(field, field_behavior) &&
    getOption(field, field_behavior).includes(FieldBehavior.REQUIRED)
  );
}

function checkRequired<D extends DescMessage>(shape: Shape<D>, message: MessageShape<D>): MessageShape<D> {
  for (const field of shape.required) {
    const value: unknown = Reflect.get(message, field.localName);
    if (value === undefined || value === '') throw invalidInput(`${field.jsonName} is required.`);
  }
  return message;
}

/** Refuses values that JSON text can express and protobuf cannot: lone surrogates, and numbers beyond a double. */
function checkValue(value: JsonValue, field: DescField): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw notFinite(field);
  if (typeof value === 'string' && !value.isWellFormed()) throw loneSurrogate(field);
  if (Array.isArray(value)) {
    for (const element of value) checkValue(element, field);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      if (!key.isWellFormed()) throw loneSurrogate(field);
      checkValue(member, field);
    }
  }
}

/**
 * Converts a decoder's error to invalid_input. The message names the field if it is known, and never quotes a value.
 */
function asInvalidInput(error: unknown, otherwise: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const field = isFieldError(cause) ? cause.field() : undefined;
  return field?.kind === 'field' ? wrongType(field, error) : invalidInput(otherwise, error);
}
