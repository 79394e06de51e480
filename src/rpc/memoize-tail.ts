import type { DescField, DescMessage } from '@bufbuild/protobuf';

/**
 * The fields of a message in two parts: those at its end whose values are objects that can be frozen, and those before.
 */
export function headAndTail({ fields }: DescMessage): {
  readonly head: readonly DescField[];
  readonly tail: readonly DescField[];
} {
  const start = fields.findLastIndex((field) => !canBeFrozen(field)) + 1;
  return { head: fields.slice(0, start), tail: fields.slice(start) };
}

/** Lists and messages; but times differ from answer to answer. */
function canBeFrozen({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'list' || (message !== undefined && message.typeName !== 'google.protobuf.Timestamp');
}

/**
 * Keeps what `write` makes of some members of a message, while it is asked for the very same frozen values: what most
 * answers share, such as the offer of a widget view, is encoded once and not for each of them.
 *
 * @param names the members that `write` looks at
 * @returns the bytes, which are not to be changed
 */
export function memoizeTail(
  names: readonly string[],
  write: (message: object) => Buffer,
): (message: object) => Buffer {
  const [first] = names;
  const kept = new WeakMap<object, { readonly values: readonly unknown[]; readonly bytes: Buffer }>();

  return (message) => {
    const key: unknown = first === undefined ? undefined : Reflect.get(message, first);
    if (typeof key !== 'object' || key === null) return write(message);
    const known = kept.get(key);
    if (known && names.every((name, index) => Reflect.get(message, name) === known.values[index]))
      return known.bytes;

    const values = names.map((name): unknown => Reflect.get(message, name));
    const bytes = write(message);
    if (values.every(Object.isFrozen)) kept.set(key, { values, bytes });
    return bytes;
  };
}
