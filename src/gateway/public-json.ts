import type { DescField, DescMessage } from '@bufbuild/protobuf';

/**
 * Writes a message as the public paths answer it, in UTF-8: proto3 JSON, except that every member is always
 * there, with `[]`, `false` and `0` for what is empty and `null` for what is unset. Clients need not guess.
 *
 * It takes ts-proto's objects, whose members are found by protobuf-es's names; a test holds the two generators to
 * the same names in all that is answered. The last members, where they are frozen, are written once and kept as
 * long as they live.
 */
export type PublicJson = (message: object) => Buffer;

type WriteValue = (value: unknown) => string;

/** One member of a message. */
interface Member {
  readonly name: string;
  /** `"jsonName":` */
  readonly prefix: string;
  readonly write: WriteValue;
  /** Whether its values are objects, which can be frozen. */
  readonly isObject: boolean;
}

/**
 * Compiles the writer of a message type.
 *
 * @throws Error when the type has something that no public path answers yet (maps, bytes, 64-bit numbers, enums)
 */
export function publicJson(desc: DescMessage): PublicJson {
  const members = membersOf(desc);
  const tailStart = members.findLastIndex((member) => !member.isObject) + 1;
  const head = members.slice(0, tailStart);
  const tail = keepFrozen(members.slice(tailStart), head.length > 0 ? ',' : '');

  return (message) => {
    const start = `{${writeMembers(head, message)}`;
    const end = tail(message);
    const length = Buffer.byteLength(start);
    const json = Buffer.allocUnsafe(length + end.length);
    json.write(start);
    end.copy(json, length);
    return json;
  };
}

/**
 * Writes the members that end an object, with its closing brace, and keeps what it wrote while it is asked for the very
 * same frozen values.
 */
function keepFrozen(members: readonly Member[], separator: string): (message: object) => Buffer {
  const kept = new WeakMap<object, { readonly values: readonly unknown[]; readonly json: Buffer }>();
  const write = (message: object) =>
    Buffer.from(members.length > 0 ? `${separator}${writeMembers(members, message)}}` : '}');
  return (message) => {
    const [first] = members;
    const key: unknown = first && Reflect.get(message, first.name);
    if (typeof key !== 'object' || key === null) return write(message);
    const known = kept.get(key);
    if (known && members.every(({ name }, index) => Reflect.get(message, name) === known.values[index]))
      return known.json;

    const values = members.map(({ name }): unknown => Reflect.get(message, name));
    const json = write(message);
    if (values.every(Object.isFrozen)) kept.set(key, { values, json });
    return json;
  };
}

function membersOf(desc: DescMessage): readonly Member[] {
  return desc.fields.map((field) => ({
    name: field.localName,
    prefix: `${JSON.stringify(field.jsonName)}:`,
    write: fieldWriter(field),
    isObject: field.fieldKind === 'list' || (field.message !== undefined && !isTimestamp(field.message)),
  }));
}

function writeMembers(members: readonly Member[], message: object): string {
  let json = '';
  for (const { name, prefix, write } of members) {
    json += `${json === '' ? '' : ','}${prefix}${write(Reflect.get(message, name))}`;
  }
  return json;
}

function fieldWriter(field: DescField): WriteValue {
  const write = valueWriter(field);
  if (field.fieldKind !== 'list') return (value) => (value === undefined ? 'null' : write(value));
  return (value) => `[${Array.isArray(value) ? value.map((element) => write(element)).join(',') : ''}]`;
}

function valueWriter(field: DescField): WriteValue {
  const { message } = field;
  if (message && isTimestamp(message)) return writeTimestamp;
  if (message && field.fieldKind !== 'map' && !message.typeName.startsWith('google.protobuf.')) {
    const members = membersOf(message);
    return (value) =>
      typeof value === 'object' && value !== null ? `{${writeMembers(members, value)}}` : 'null';
  }
  if (field.scalar !== undefined && PLAIN_SCALARS.has(field.scalar)) return JSON.stringify;
  throw new Error(`${field} cannot be answered on a public path`);
}

/** double, float, int32, fixed32, bool, string, uint32, sfixed32, sint32: JSON has them as they are. */
const PLAIN_SCALARS: ReadonlySet<number> = new Set([1, 2, 5, 7, 8, 9, 13, 15, 17]);

function isTimestamp(message: DescMessage): boolean {
  return message.typeName === 'google.protobuf.Timestamp';
}

/** The time written last: the answers of one second have the same. */
let lastTime = { seconds: 0, json: '"1970-01-01T00:00:00Z"' };

/** RFC 3339, UTC, in whole seconds. */
function writeTimestamp(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('seconds' in value)) return 'null';
  const seconds = Number(value.seconds);
  if (seconds !== lastTime.seconds) {
    lastTime = { seconds, json: `"${new Date(seconds * 1000).toISOString().slice(0, 19)}Z"` };
  }
  return lastTime.json;
}
