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
 * Creates the fast path of JSON decoding for one message type. It takes objects whose members are strings and Structs,
 * under their JSON names: there the JSON value is the value in the message. It leaves everything else to protobuf-es,
 * faults included, because protobuf-es knows all rules of proto3 JSON.
 *
 * Its input has passed the checks of strict-json.ts, so it does not look inside the Structs.
 *
 * @returns undefined for message types with fields of other types
 */
export function plainJson<D extends DescMessage>(desc: D): ReadPlainJson<D> | undefined {
  if (!desc.fields.every((field) => isText(field) || isStruct(field))) return undefined;
  const members = new Map(
    desc.fields.map((field) => [field.jsonName, { name: field.localName, isText: isText(field) }]),
  );

  return (json) => {
    if (!isObject(json)) return undefined;
    // The cast is safe: each value is checked to have the type of its member before it is set.
    const message: Record<string, unknown> = create<DescMessage>(desc) as Record<string, unknown>;
    for (const [jsonName, value] of Object.entries(json)) {
      const member = members.get(jsonName);
      if (member === undefined) return undefined;
      if (value === null) continue;
      if (member.isText ? typeof value !== 'string' : !isObject(value)) return undefined;
      message[member.name] = value;
    }
    return message as MessageShape<D>;
  };
}

/** Whether a field is a `google.protobuf.Struct`. */
export function isStruct(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Struct';
}

function isText(field: DescField): boolean {
  return field.fieldKind === 'scalar' && field.scalar === ScalarType.STRING && field.oneof === undefined;
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
