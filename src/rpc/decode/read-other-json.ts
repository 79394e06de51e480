import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  type Registry,
} from '@bufbuild/protobuf';
import { type FieldPlace, invalidField } from './invalid-input.js';
import { isObject, isStruct } from './plain-json.js';

/**
 * Decodes JSON that the fast path leaves (see plain-json.ts), by all rules of proto3 JSON and with a name for every
 * fault of a field. protobuf-es reads it, except for Structs: their value in the message is the JSON object itself.
 *
 * @throws ServiceError invalid_input for a fault of a field; any other Error for JSON that is no object
 */
export function readOtherJson<D extends DescMessage>(
  desc: D,
  json: JsonValue,
  registry: Registry | undefined,
): MessageShape<D> {
  // Unknown members are ignored, as protobuf does with unknown fields of the wire format.
  const options = { ignoreUnknownFields: true, ...(registry && { registry }) };
  if (!isObject(json)) return fromJson(desc, json, options);
  const rest: JsonObject = {};
  const structs: [DescField, JsonObject][] = [];
  for (const field of desc.fields) {
    const value = memberOf(json, field);
    if (value === undefined) continue;
    if (isStruct(field)) {
      if (value === null) continue;
      if (!isObject(value)) throw invalidField({ field }, 'type');
      checkStruct(value, field);
      structs.push([field, value]);
    } else {
      if (field.fieldKind === 'scalar' || field.fieldKind === 'list') checkText(value, { field });
      rest[field.jsonName] = value;
    }
  }
  const message = fromJsonMembers(desc, rest, options);
  for (const [field, value] of structs) Reflect.set(message, field.localName, value);
  return message;
}

/** Finds the field of a member, in either spelling. */
export function fieldOf({ fields }: DescMessage, member: string): DescField | undefined {
  return fields.find(({ jsonName, name }) => jsonName === member || name === member);
}

/** The value of a field in either spelling; undefined when it is not there. @throws ServiceError when both are given */
function memberOf(json: JsonObject, field: DescField): JsonValue | undefined {
  const { jsonName, name } = field;
  const spelling = Object.hasOwn(json, jsonName) ? jsonName : name;
  if (spelling !== name && Object.hasOwn(json, name)) throw invalidField({ field }, 'duplicate');
  return Object.hasOwn(json, spelling) ? json[spelling] : undefined;
}

/** Refuses values that JSON text can express and a Struct cannot: lone surrogates, and numbers beyond a double. */
function checkStruct(struct: JsonObject, field: DescField): void {
  for (const [key, member] of Object.entries(struct)) {
    if (!key.isWellFormed()) throw invalidField({ field }, 'lone_surrogate');
    checkValue(member, { field, key });
  }
}

function checkValue(value: JsonValue, place: FieldPlace): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidField(place, 'not_finite');
  if (typeof value === 'string') checkText(value, place);
  if (Array.isArray(value)) {
    for (const element of value) checkValue(element, place);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      checkText(key, place);
      checkValue(member, place);
    }
  }
}

/** Refuses a text, or a list with a text, that has a lone surrogate. Values of other types are left to protobuf-es. */
function checkText(value: JsonValue, place: FieldPlace): void {
  const texts = Array.isArray(value) ? value : [value];
  for (const text of texts) {
    if (typeof text === 'string' && !text.isWellFormed()) throw invalidField(place, 'lone_surrogate');
  }
}

/** Reads members with protobuf-es. Its error does not always say which field is wrong, so each is then tried alone. */
function fromJsonMembers<D extends DescMessage>(
  desc: D,
  members: JsonObject,
  options: Parameters<typeof fromJson>[2],
): MessageShape<D> {
  try {
    return fromJson(desc, members, options);
  } catch (error) {
    for (const field of desc.fields) {
      const value = members[field.jsonName];
      if (value !== undefined && !isReadable(desc, { [field.jsonName]: value }, options)) {
        throw invalidField({ field }, 'type', error);
      }
    }
    throw error;
  }
}

function isReadable(
  desc: DescMessage,
  members: JsonObject,
  options: Parameters<typeof fromJson>[2],
): boolean {
  try {
    fromJson(desc, members, options);
    return true;
  } catch {
    return false;
  }
}
