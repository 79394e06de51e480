import { isUtf8 } from 'node:buffer';
import { type DescField, type DescMessage, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { invalidField, invalidInput } from './invalid-input.js';
import { isStruct } from './plain-json.js';
import { readStruct } from './read-struct.js';
import { expectEnd, readEnd, skipRecord } from './wire-records.js';

/** The wire bytes of a request, separated into Structs and other fields. */
export interface TakenStructs {
  /** The Structs among the request's own fields. */
  readonly structs: readonly (readonly [field: DescField, value: JsonObject])[];
  /** All other bytes: safe to give to protobuf-es. */
  readonly rest: Uint8Array;
}

/**
 * Decodes the Structs of a request and checks the other fields in one pass, guided by the descriptor.
 *
 * A message field or a member of a oneof may occur only once, at any depth. Protobuf parsers merge repeated
 * occurrences; JSON has no such merge, and protobuf-es needs quadratic time for it. Repeated scalars are allowed: the
 * last one counts, as the protobuf format says, at no extra cost.
 *
 * @param maxDepth the maximum nesting of messages, and of lists and objects in Structs: the request itself is 1
 * @throws ServiceError invalid_input for a fault of a field; any other Error when the bytes are not such a message
 */
export function takeStructs(desc: DescMessage, body: Uint8Array, maxDepth: number): TakenStructs {
  const structs: [DescField, JsonObject][] = [];
  const kept: Uint8Array[] = [];
  const reader = new BinaryReader(body);
  let keptFrom = 0;
  readFields(reader, desc, body.length, maxDepth, { fields: MAX_FIELDS }, (field, value, start) => {
    structs.push([field, value]);
    kept.push(body.subarray(keptFrom, start));
    keptFrom = reader.pos;
  });
  if (structs.length === 0) return { structs, rest: body };
  kept.push(body.subarray(keptFrom));
  return { structs, rest: Buffer.concat(kept) };
}

/**
 * The maximum of fields in a request, of all its messages together. Each may become an object of some 200 bytes. A
 * request of 64 KiB cannot have more than 32,768; the largest valid definition of a tenant has some 28,000.
 */
const MAX_FIELDS = 50_000;

/** Called after each Struct, with the position at which its record starts; the record ends at the reader's position. */
type OnStruct = (field: DescField, value: JsonObject, start: number) => void;

/** @param within the request's field that the message stands in, for the names of faults; none for the request itself */
function readFields(
  reader: BinaryReader,
  desc: DescMessage,
  end: number,
  maxDepth: number,
  left: { fields: number },
  onStruct?: OnStruct,
  within?: DescField,
): void {
  if (maxDepth === 0) throw new Error('nested too deep');
  const layout = layoutOf(desc);
  let given: Set<object> | undefined;
  while (reader.pos < end) {
    if (left.fields-- === 0) throw invalidInput(`A request has at most ${MAX_FIELDS} fields.`);
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    const known = layout.get(number);
    if (known === undefined) {
      skipRecord(reader, number, wireType);
      continue;
    }
    const { field, once, message } = known;
    const named = within ?? field;
    if (wireType !== known.wireType) throw invalidField({ field: named }, 'type');
    if (once !== undefined) {
      given ??= new Set();
      if (given.has(once)) throw invalidField({ field: named }, 'duplicate');
      given.add(once);
    }
    if (message === undefined) skipRecord(reader, number, wireType);
    else if (isStruct(field)) onStruct?.(field, readStruct(reader, field, maxDepth - 1), start);
    else readFields(reader, message, readEnd(reader), maxDepth - 1, left, undefined, named);
  }
  expectEnd(reader, end);
}

/**
 * Finds the first text field of a request that is not UTF-8. It looks at the request's own fields only.
 *
 * @param body bytes that takeStructs has read to their end
 */
export function fieldOfBadText(desc: DescMessage, body: Uint8Array): DescField | undefined {
  const layout = layoutOf(desc);
  const reader = new BinaryReader(body);
  while (reader.pos < body.length) {
    const [number, wireType] = reader.tag();
    const field = layout.get(number)?.field;
    const isText = field !== undefined && 'scalar' in field && field.scalar === ScalarType.STRING;
    if (!isText) skipRecord(reader, number, wireType);
    else if (!isUtf8(reader.bytes())) return field;
  }
  return undefined;
}

/** The properties of a field that decide how its record is read. */
interface FieldLayout {
  readonly field: DescField;
  readonly wireType: WireType;
  /** The field itself, or its oneof, when it may occur only once; else undefined. */
  readonly once: object | undefined;
  readonly message: DescMessage | undefined;
}

const layouts = new WeakMap<DescMessage, ReadonlyMap<number, FieldLayout>>();

function layoutOf(desc: DescMessage): ReadonlyMap<number, FieldLayout> {
  let layout = layouts.get(desc);
  if (layout === undefined) {
    layout = new Map(desc.fields.map((field) => [field.number, fieldLayoutOf(field)]));
    layouts.set(desc, layout);
  }
  return layout;
}

function fieldLayoutOf(field: DescField): FieldLayout {
  const { message } = field;
  const isSingularMessage = field.fieldKind === 'message';
  return {
    field,
    wireType: wireTypeOf(field),
    once: field.oneof ?? (isSingularMessage ? field : undefined),
    message,
  };
}

/** @throws Error for kinds of fields that no request has yet; to support one, readFields must check its bytes too */
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
      // Lists of other scalars have two wire types, packed and unpacked.
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
