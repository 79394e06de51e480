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
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { FieldBehavior, field_behavior } from '../../gen/protobuf-es/google/api/field_behavior_pb.js';
import { ServiceError } from '../errors.js';
import { invalidInput, loneSurrogate, notFinite, wrongType } from './invalid-input.js';
import { isObject, isStruct, plainJson, type ReadPlainJson } from './plain-json.js';
import { parseStrictJson } from './strict-json.js';
import { takeStructs } from './take-structs.js';

/**
 * Decodes requests: each, from any edge, becomes its protobuf-es message here and is checked for its shape (is it a
 * request at all?) before anything else looks at it. The first fault is answered alone.
 *
 * protobuf-es decodes because it is strict: it refuses bad UTF-8 and keeps `__proto__`, where ts-proto's Struct mends the
 * one and drops the other. Structs are decoded by our own code: protobuf-es needs up to 22 s for one of 64 KiB. See
 * docs/adr/0002.
 */

/**
 * How deep a request may be nested, in either format: a JSON object or list is one level, and so is a message, a Struct
 * or a list of the wire format. The recursion of whatever reads a request ends here.
 */
const MAX_DEPTH = 99;

/** How JSON is read: as proto3 JSON, unknown members ignored. */
const jsonReadOptions = { ignoreUnknownFields: true } as const;

/** How the wire format is read. */
const binaryReadOptions = { readUnknownFields: false } as const;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a request from JSON (https://protobuf.dev/programming-guides/json/).
 *
 * @throws ServiceError invalid_input
 */
export function readJson<D extends DescMessage>(desc: D, body: Uint8Array): MessageShape<D> {
  if (body.length === 0) throw invalidInput('The body is empty; a JSON object is expected.');
  try {
    const { json, isInteroperable } = parseStrictJson(utf8.decode(body), MAX_DEPTH);
    const shape = shapeOf(desc);
    const plain = isInteroperable ? shape.readPlain?.(json) : undefined;
    return checkRequired(shape, plain ?? readOtherJson(desc, shape, json));
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
    // Parts of a Buffer are Buffers, which take longer to make.
    const bytes = new Uint8Array(body.buffer, body.byteOffset, body.length);
    const { structs, rest } = takeStructs(desc, bytes, MAX_DEPTH);
    const message = fromBinary(desc, rest, binaryReadOptions);
    for (const [field, value] of structs) Reflect.set(message, field.localName, value);
    return checkRequired(shapeOf(desc), message);
  } catch (error) {
    throw asInvalidInput(error, 'The message is not a well-formed protobuf message of this request.');
  }
}

/** JSON that has to be read by protobuf-es: all but its Structs, which are what they are in JSON. */
function readOtherJson<D extends DescMessage>(desc: D, shape: Shape<D>, json: JsonValue): MessageShape<D> {
  if (!isObject(json)) return fromJson(desc, json, jsonReadOptions);
  const rest = { ...json };
  const structs: [DescField, JsonObject][] = [];
  for (const field of shape.structs) {
    for (const name of new Set([field.jsonName, field.name])) {
      const value = json[name];
      if (value === undefined || !isObject(value)) continue;
      if (structs.at(-1)?.[0] === field) throw wrongType(field);
      checkValue(value, field);
      structs.push([field, value]);
      // As if it were not given.
      rest[name] = null;
    }
  }
  const message = fromJson(desc, rest, jsonReadOptions);
  for (const [field, value] of structs) Reflect.set(message, field.localName, value);
  return message;
}

/** What the shape of a message depends on, found once for each type. */
interface Shape<D extends DescMessage> {
  readonly required: readonly DescField[];
  readonly structs: readonly DescField[];
  readonly readPlain: ReadPlainJson<D> | undefined;
}

const shapes = new WeakMap<DescMessage, Shape<DescMessage>>();

function shapeOf<D extends DescMessage>(desc: D): Shape<D> {
  let shape = shapes.get(desc);
  if (shape === undefined) {
    const { fields } = desc;
    shape = {
      required: fields.filter(isRequired),
      structs: fields.filter(isStruct),
      readPlain: plainJson(desc),
    };
    shapes.set(desc, shape);
  }
  // The cast is safe: it was made for this very type.
  return shape as Shape<D>;
}

/** Whether the proto file says REQUIRED (AIP-203). */
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

/** Refuses what JSON's texts can say and UTF-8, or a double, cannot carry. */
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

/** A decoder's complaint in our words: it names the member when it knows it, and never quotes its value. */
function asInvalidInput(error: unknown, otherwise: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const field = isFieldError(cause) ? cause.field() : undefined;
  return field?.kind === 'field' ? wrongType(field, error) : invalidInput(otherwise, error);
}
