import type { DescField, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type FieldPlace, invalidField } from './invalid-input.js';
import { expectEnd, expectWireType, readEnd, skipRecord } from './wire-records.js';

// Field numbers of google/protobuf/struct.proto. A map entry is a message with a key and a value.
const STRUCT_FIELDS = 1;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
const LIST_VALUES = 1;
const NULL_VALUE = 1;
const NUMBER_VALUE = 2;
const STRING_VALUE = 3;
const BOOL_VALUE = 4;
const STRUCT_VALUE = 5;
const LIST_VALUE = 6;

/**
 * Decodes a google.protobuf.Struct to its JSON object. The reader must be positioned at the length of the Struct.
 *
 * It refuses what strict JSON cannot express: a duplicate key, a duplicate value, a value without a kind, a number
 * that is not finite.
 * protobuf-es merges duplicate values and converts the whole Struct at each merge: a body of 64 KiB held the event loop
 * for 22 s.
 *
 * @param field the request's field, for the error message
 * @param maxDepth the maximum nesting as JSON, which bounds the recursion: `{}` is 1
 * @throws ServiceError invalid_input for a fault of the field; any other Error when the bytes are not a Struct
 */
export function readStruct(reader: BinaryReader, field: DescField, maxDepth: number): JsonObject {
  return readObject(reader, { field }, maxDepth, true);
}

/** @param place where faults are: the members of the outermost object set its key */
function readObject(
  reader: BinaryReader,
  place: FieldPlace,
  maxDepth: number,
  isOutermost = false,
): JsonObject {
  requireDepth(maxDepth);
  const object: JsonObject = {};
  const end = readEnd(reader);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === STRUCT_FIELDS) {
      expectWireType(wireType, WireType.LengthDelimited);
      readEntry(reader, place, maxDepth, object, isOutermost);
      if (isOutermost) place.key = undefined;
    } else skipRecord(reader, number, wireType);
  }
  expectEnd(reader, end);
  return object;
}

/** Decodes a map entry. As in any protobuf map, an absent key means the default, here `''`. */
function readEntry(
  reader: BinaryReader,
  place: FieldPlace,
  maxDepth: number,
  object: JsonObject,
  isOutermost: boolean,
): void {
  let key: string | undefined;
  let value: JsonValue | undefined;
  const end = readEnd(reader);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === ENTRY_KEY) {
      expectWireType(wireType, WireType.LengthDelimited);
      if (key !== undefined) throw invalidField(place, 'duplicate');
      key = readText(reader, place);
      if (isOutermost) place.key = key;
    } else if (number === ENTRY_VALUE) {
      expectWireType(wireType, WireType.LengthDelimited);
      if (value !== undefined) throw invalidField(place, 'duplicate');
      value = readValue(reader, place, maxDepth);
    } else skipRecord(reader, number, wireType);
  }
  expectEnd(reader, end);
  if (value === undefined) throw invalidField(place, 'no_kind');
  setMember(object, key ?? '', value, place);
}

/** Reads a text. @throws ServiceError invalid_input when it is not UTF-8 */
function readText(reader: BinaryReader, place: FieldPlace): string {
  try {
    return reader.string(true);
  } catch (error) {
    // TextDecoder throws TypeErrors; the reader has others.
    throw error instanceof TypeError ? invalidField(place, 'utf8', error) : error;
  }
}

function setMember(object: JsonObject, name: string, value: JsonValue, place: FieldPlace): void {
  if (Object.hasOwn(object, name)) throw invalidField(place, 'duplicate');
  // An assignment to `__proto__` would set the prototype and create no member.
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else object[name] = value;
}

/** Decodes a google.protobuf.Value. */
function readValue(reader: BinaryReader, place: FieldPlace, maxDepth: number): JsonValue {
  let value: JsonValue | undefined;
  const end = readEnd(reader);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const expected = KIND_WIRE_TYPES[number];
    if (expected === undefined) skipRecord(reader, number, wireType);
    else {
      expectWireType(wireType, expected);
      if (value !== undefined) throw invalidField(place, 'duplicate');
      value = readKind(reader, number, place, maxDepth);
    }
  }
  expectEnd(reader, end);
  if (value === undefined) throw invalidField(place, 'no_kind');
  return value;
}

/** The wire types of a Value's kinds, by their field numbers. */
const KIND_WIRE_TYPES: readonly (WireType | undefined)[] = [
  undefined,
  WireType.Varint,
  WireType.Bit64,
  WireType.LengthDelimited,
  WireType.Varint,
  WireType.LengthDelimited,
  WireType.LengthDelimited,
];

function readKind(reader: BinaryReader, number: number, place: FieldPlace, maxDepth: number): JsonValue {
  switch (number) {
    case NULL_VALUE:
      // NullValue is an enum with one value, so every number means null.
      reader.int32();
      return null;
    case NUMBER_VALUE:
      return finite(reader.double(), place);
    case STRING_VALUE:
      return readText(reader, place);
    case BOOL_VALUE:
      return reader.bool();
    case STRUCT_VALUE:
      return readObject(reader, place, maxDepth - 1);
    case LIST_VALUE:
      return readList(reader, place, maxDepth - 1);
    default:
      throw new Error(`no kind of a value: ${number}`);
  }
}

function finite(number: number, place: FieldPlace): number {
  if (!Number.isFinite(number)) throw invalidField(place, 'not_finite');
  return number;
}

/** Decodes a google.protobuf.ListValue. */
function readList(reader: BinaryReader, place: FieldPlace, maxDepth: number): JsonValue[] {
  requireDepth(maxDepth);
  const list: JsonValue[] = [];
  const end = readEnd(reader);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === LIST_VALUES) {
      expectWireType(wireType, WireType.LengthDelimited);
      list.push(readValue(reader, place, maxDepth));
    } else skipRecord(reader, number, wireType);
  }
  expectEnd(reader, end);
  return list;
}

function requireDepth(maxDepth: number): void {
  if (maxDepth === 0) throw new Error('nested too deep');
}
