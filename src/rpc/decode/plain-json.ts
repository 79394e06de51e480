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
 * Structs, under their JSON names: there the JSON value is the value in the message. It leaves objects with any other
 * member to protobuf-es, faults included, because protobuf-es knows all rules of proto3 JSON.
 *
 * Its input has passed the checks of strict-json.ts, so it does not look inside the Structs.
 */
export function plainJson<D extends DescMessage>(desc: D): ReadPlainJson<D> {
  const members = new Map(
    desc.fields.flatMap((field) => {
      const type = plainTypeOf(field);
      return type === undefined ? [] : [[field.jsonName, { name: field.localName, type }] as const];
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
      if (member.type === 'object' ? !isObject(value) : typeof value !== member.type) return undefined;
      message[member.name] = value;
    }
    return message as MessageShape<D>;
  };
}

/** Whether a field is a `google.protobuf.Struct`. */
export function isStruct(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Struct';
}

/** The type of a field's JSON value, where that is also its value in the message; else undefined. */
function plainTypeOf(field: DescField): 'string' | 'boolean' | 'object' | undefined {
  if (isStruct(field)) return 'object';
  if (field.fieldKind !== 'scalar' || field.oneof !== undefined) return undefined;
  if (field.scalar === ScalarType.STRING) return 'string';
  return field.scalar === ScalarType.BOOL ? 'boolean' : undefined;
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
