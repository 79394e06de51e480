import { type DescField, type DescMessage, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { wrongType } from './invalid-input.js';
import { isStruct } from './plain-json.js';
import { readStruct } from './read-struct.js';
import { expectEnd, expectWireType, readEnd, skipRecord } from './wire-records.js';

/** A request's wire bytes, taken apart. */
export interface TakenStructs {
  /** The Structs among the request's own fields. */
  readonly structs: readonly (readonly [field: DescField, value: JsonObject])[];
  /** All other bytes: safe to give to protobuf-es. */
  readonly rest: Uint8Array;
}

/**
 * Reads the Structs of a request, and goes through the rest once, by the descriptor. A field that holds a message, or
 * is of a oneof, may be given once, at any depth: protobuf parsers merge it otherwise, which JSON cannot ask for and
 * protobuf-es takes quadratic time for. (Of a scalar the last one counts, as protobuf has it: no more work.)
 *
 * @param maxDepth how deep messages, and lists and objects in Structs, may be nested: the request itself is 1
 * @throws ServiceError invalid_input where the fault is one of a field, else any Error: the bytes are no message
 */
export function takeStructs(desc: DescMessage, body: Uint8Array, maxDepth: number): TakenStructs {
  const structs: [DescField, JsonObject][] = [];
  const kept: Uint8Array[] = [];
  const reader = new BinaryReader(body);
  let keptFrom = 0;
  readFields(reader, desc, body.length, maxDepth, (field, value, start) => {
    structs.push([field, value]);
    kept.push(body.subarray(keptFrom, start));
    keptFrom = reader.pos;
  });
  if (structs.length === 0) return { structs, rest: body };
  kept.push(body.subarray(keptFrom));
  return { structs, rest: Buffer.concat(kept) };
}

/** Told of a Struct: its field, its value, and where its record starts; it ends where the reader is. */
type OnStruct = (field: DescField, value: JsonObject, start: number) => void;

function readFields(
  reader: BinaryReader,
  desc: DescMessage,
  end: number,
  maxDepth: number,
  onStruct?: OnStruct,
): void {
  if (maxDepth === 0) throw new Error('nested too deep');
  const layout = layoutOf(desc);
  let given: Set<object> | undefined;
  while (reader.pos < end) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    const place = layout.get(number);
    if (place === undefined) {
      skipRecord(reader, number, wireType);
      continue;
    }
    const { field, once, message } = place;
    expectWireType(wireType, place.wireType);
    if (once !== undefined) {
      given ??= new Set();
      if (given.has(once)) throw wrongType(field);
      given.add(once);
    }
    if (message === undefined) skipRecord(reader, number, wireType);
    else if (isStruct(field)) onStruct?.(field, readStruct(reader, field, maxDepth - 1), start);
    else readFields(reader, message, readEnd(reader), maxDepth - 1);
  }
  expectEnd(reader, end);
}

/** What there is to know of a field before its bytes are read. */
interface Place {
  readonly field: DescField;
  readonly wireType: WireType;
  /** What may be given once: the field, or the oneof that it is of. */
  readonly once: object | undefined;
  readonly message: DescMessage | undefined;
}

const layouts = new WeakMap<DescMessage, ReadonlyMap<number, Place>>();

function layoutOf(desc: DescMessage): ReadonlyMap<number, Place> {
  let layout = layouts.get(desc);
  if (layout === undefined) {
    layout = new Map(desc.fields.map((field) => [field.number, placeOf(field)]));
    layouts.set(desc, layout);
  }
  return layout;
}

function placeOf(field: DescField): Place {
  const { message } = field;
  const isSingularMessage = field.fieldKind === 'message';
  return {
    field,
    wireType: wireTypeOf(field),
    once: field.oneof ?? (isSingularMessage ? field : undefined),
    message,
  };
}

/** @throws Error for kinds of fields that no request has so far, and whose bytes would have to be looked at too */
function wireTypeOf(field: DescField): WireType {
  switch (field.fieldKind) {
    case 'enum':
      return WireType.Varint;
    case 'scalar':
      return SCALAR_WIRE_TYPES[field.scalar];
    case 'message':
      if (!field.delimitedEncoding) return WireType.LengthDelimited;
      break;
    case 'list':
      if (field.listKind === 'message' && !field.delimitedEncoding) return WireType.LengthDelimited;
      // Others may be packed or not.
      if (field.listKind === 'scalar' && SCALAR_WIRE_TYPES[field.scalar] === WireType.LengthDelimited)
        return WireType.LengthDelimited;
      break;
  }
  throw new Error(`${field.toString()} is of a kind that requests cannot have yet`);
}

const SCALAR_WIRE_TYPES: Readonly<Record<ScalarType, WireType>> = {
  [ScalarType.DOUBLE]: WireType.Bit64,
  [ScalarType.FLOAT]: WireType.Bit32,
  [ScalarType.INT64]: WireType.Varint,
  [ScalarType.UINT64]: WireType.Varint,
  [ScalarType.INT32]: WireType.Varint,
  [ScalarType.FIXED64]: WireType.Bit64,
  [ScalarType.FIXED32]: WireType.Bit32,
  [ScalarType.BOOL]: WireType.Varint,
  [ScalarType.STRING]: WireType.LengthDelimited,
  [ScalarType.BYTES]: WireType.LengthDelimited,
  [ScalarType.UINT32]: WireType.Varint,
  [ScalarType.SFIXED32]: WireType.Bit32,
  [ScalarType.SFIXED64]: WireType.Bit64,
  [ScalarType.SINT32]: WireType.Varint,
  [ScalarType.SINT64]: WireType.Varint,
};
