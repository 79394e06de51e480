import {
  type DescField,
  type DescMessage,
  fromBinary,
  getOption,
  hasOption,
  type MessageShape,
  type Registry,
} from '@bufbuild/protobuf';
import { FieldBehavior, field_behavior } from '../../gen/protobuf-es/google/api/field_behavior_pb.js';
import { ServiceError } from '../errors.js';
import { memberPath, unknownPath } from '../field-path.js';
import { checkDuration, isDuration } from './duration.js';
import { invalidField, invalidInput, invalidPath } from './invalid-input.js';
import type { JsonPath } from './json-paths.js';
import { noteInexactNumbers } from './number-violations.js';
import { plainJson, type ReadPlainJson } from './plain-json.js';
import { fieldOf, readOtherJson } from './read-other-json.js';
import { DuplicateMember, parseStrictJson } from './strict-json.js';
import { fieldOfBadText, takeStructs } from './take-structs.js';

/**
 * Decodes the requests of all edges to protobuf-es messages and checks that they are well-formed, before anything else
 * reads them. Decoding stops at the first fault and reports only that one, with its field where it has one.
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
    const { json, isInteroperable, inexactNumbers } = parseStrictJson(utf8.decode(body), MAX_DEPTH);
    const shape = shapeOf(desc);
    const plain = isInteroperable ? shape.readPlain(json) : undefined;
    const message = checkRequired(shape, plain ?? readOtherJson(desc, json, registry));
    if (inexactNumbers.length > 0) noteInexactNumbers(desc, message, inexactNumbers);
    return message;
  } catch (error) {
    if (error instanceof DuplicateMember) throw duplicateMember(desc, error.path, error);
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
    const message = fromBytes(desc, rest);
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

function fromBytes<D extends DescMessage>(desc: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(desc, bytes, binaryReadOptions);
  } catch (error) {
    // protobuf-es does not say which field it was reading.
    const field = fieldOfBadText(desc, bytes);
    throw field === undefined ? error : invalidField({ field }, 'utf8', error);
  }
}

/** What decoding needs to know of a message type; computed once per type. */
interface Shape<D extends DescMessage> {
  readonly required: readonly DescField[];
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
    if (value === undefined || value === '') throw invalidField({ field }, 'required');
  }
  return message;
}

/** Converts the error of a reader to invalid_input. The message never quotes a value. */
function asInvalidInput(error: unknown, otherwise: string): ServiceError {
  return error instanceof ServiceError ? error : invalidInput(otherwise, error);
}

/** The error of a member that is given twice. It may be an unknown one, or stand deep inside another. */
function duplicateMember(desc: DescMessage, [member, key]: JsonPath, cause: unknown): ServiceError {
  if (member === undefined) return invalidInput('A member is given twice.', cause);
  const field = fieldOf(desc, member);
  if (field !== undefined) return invalidField({ field, key }, 'duplicate', cause);
  const path = unknownPath(member);
  return invalidPath(key === undefined ? path : memberPath(path, key), 'A member', 'duplicate', cause);
}
