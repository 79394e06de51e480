import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';

/** Reads a message from JSON. Returns undefined when protobuf-es has to read it. */
export type ReadPlainJson<D extends DescMessage> = (json: JsonValue) => MessageShape<D> | undefined;

/**
 * Creates the fast path of JSON decoding for one message type. It takes objects whose members are strings, booleans and
 * Structs, under their JSON names: there the JSON value is the value in the message. It leaves everything else to
 * protobuf-es, faults included, because protobuf-es knows all rules of proto3 JSON.
 *
 * Its input has passed the checks of strict-json.ts, so it does not look inside the Structs.
 */
export function plainJson<D extends DescMessage>(desc: D): ReadPlainJson<D> {
  const members = new Map(
    desc.fields.flatMap((field) => {
      const hasItsType = typeCheckOf(field);
      return hasItsType ? [[field.jsonName, { name: field.localName, hasItsType }]] : [];
    }),
  );

  return (json) => {
    if (!isObject(json)) return undefined;
    // The cast is safe: each value is checked to have the type of its member before it is set.
    const message: Record<string, unknown> = create<DescMessage>(desc) as Record<string, unknown>;
    for (const [jsonName, value] of Object.entries(json)) {
      const member = members.get(jsonName);
      if (member === undefined) return undefined;
      if (value === null) continue;
      if (!member.hasItsType(value)) return undefined;
      message[member.name] = value;
    }
    return message as MessageShape<D>;
  };
}

/** Whether a field is a `google.protobuf.Struct`. */
export function isStruct(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Struct';
}

/** Whether a JSON value is of a field's type; undefined for fields that protobuf-es has to read. */
function typeCheckOf(field: DescField): ((value: JsonValue) => boolean) | undefined {
  if (field.oneof !== undefined) return undefined;
  if (isStruct(field)) return isObject;
  if (field.fieldKind !== 'scalar') return undefined;
  if (field.scalar === ScalarType.STRING) return isText;
  return field.scalar === ScalarType.BOOL ? isBoolean : undefined;
}

function isText(value: JsonValue): boolean {
  return typeof value === 'string';
}

function isBoolean(value: JsonValue): boolean {
  return typeof value === 'boolean';
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
