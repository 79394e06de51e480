import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';

/** Reads a message from JSON; undefined when it is left to protobuf-es. */
export type ReadPlainJson<D extends DescMessage> = (json: JsonValue) => MessageShape<D> | undefined;

/**
 * Reads JSON as protobuf-es does where there is nothing to do: of texts and Structs, given by their JSON names, the
 * value in JSON is the value in the message. Anything else, be it a fault or only unusual, is left to protobuf-es,
 * which knows all rules, and what to say.
 *
 * What it is given is interoperable and not deep (see strict-json.ts): it looks at the members of the message alone.
 *
 * @returns undefined for message types with other fields
 */
export function plainJson<D extends DescMessage>(desc: D): ReadPlainJson<D> | undefined {
  if (!desc.fields.every((field) => isText(field) || isStruct(field))) return undefined;
  const members = new Map(
    desc.fields.map((field) => [field.jsonName, { name: field.localName, isText: isText(field) }]),
  );

  return (json) => {
    if (!isObject(json)) return undefined;
    // The cast is safe: what is set is what these members hold.
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
