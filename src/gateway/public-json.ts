import { type DescMessage, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';

/**
 * A message as the public paths answer it: proto3 JSON, except that every member is always there, with `[]`,
 * `false` and `0` for what is empty and `null` for what is unset. Clients need not guess.
 */
export function publicJson(desc: DescMessage, message: Message): JsonValue {
  return withNulls(desc, toJson(desc, message, { alwaysEmitImplicit: true }));
}

function withNulls(desc: DescMessage, json: JsonValue): JsonValue {
  // Well-known types have a JSON form of their own, in which nothing is unset.
  if (!isObject(json) || desc.typeName.startsWith('google.protobuf.')) return json;
  const members = desc.fields.map((field): [string, JsonValue] => {
    const value = json[field.jsonName];
    if (value === undefined) return [field.jsonName, null];
    if (!field.message || field.fieldKind === 'map') return [field.jsonName, value];
    const { message } = field;
    return [
      field.jsonName,
      Array.isArray(value) ? value.map((element) => withNulls(message, element)) : withNulls(message, value),
    ];
  });
  return Object.fromEntries(members);
}

function isObject(json: JsonValue): json is { [name: string]: JsonValue } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
