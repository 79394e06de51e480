import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isStruct } from '../rpc/decode/plain-json.js';
import { headAndTail, memoizeTail } from '../rpc/memoize-tail.js';

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
}

/**
 * Compiles the writer of a message type.
 *
 * @throws Error when the type has something that no public path answers yet (maps, bytes, 64-bit numbers, enums)
 */
export function publicJson(desc: DescMessage): PublicJson {
  const { head, tail } = headAndTail(desc);
  const first = membersOf(head);
  const last = membersOf(tail);
  const separator = head.length > 0 && tail.length > 0 ? ',' : '';
  const writeEnd = memoizeTail(
    last.map(({ name }) => name),
    (message) => Buffer.from(`${separator}${writeMembers(last, message)}}`),
  );

  return (message) => {
    const start = `{${writeMembers(first, message)}`;
    const end = writeEnd(message);
    const length = Buffer.byteLength(start);
    const json = Buffer.allocUnsafe(length + end.length);
    json.write(start);
    end.copy(json, length);
    return json;
  };
}

function membersOf(fields: readonly DescField[]): readonly Member[] {
  return fields.map((field) => ({
    name: field.localName,
    prefix: `${JSON.stringify(field.jsonName)}:`,
    write: fieldWriter(field),
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
  // The value of a Struct in the message is its JSON object.
  if (isStruct(field)) return JSON.stringify;
  if (message && field.fieldKind !== 'map' && !message.typeName.startsWith('google.protobuf.')) {
    const members = membersOf(message.fields);
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

/** RFC 3339, UTC, in whole seconds. */
function writeTimestamp(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('seconds' in value)) return 'null';
  return `"${new Date(Number(value.seconds) * 1000).toISOString().slice(0, 19)}Z"`;
}
