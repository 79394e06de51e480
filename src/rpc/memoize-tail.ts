import type { DescField, DescMessage } from '@bufbuild/protobuf';

/**
 * Splits the fields of a message type into head and tail. The tail is the longest run of fields at the end whose values
 * are lists or messages, which can be frozen.
 */
export function headAndTail({ fields }: DescMessage): {
  readonly head: readonly DescField[];
  readonly tail: readonly DescField[];
} {
  const start = fields.findLastIndex((field) => !canBeFrozen(field)) + 1;
  return { head: fields.slice(0, start), tail: fields.slice(start) };
}

/** Whether a field is a list or a message. A Timestamp counts as neither: it differs in every answer. */
function canBeFrozen({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'list' || (message !== undefined && message.typeName !== 'google.protobuf.Timestamp');
}

/**
 * Memoizes `write` for the tail of a message. The result is reused as long as the values of all `names` are the
 * identical frozen objects: most answers share them (the offer of a widget view), so that they are encoded once.
 *
 * @param names the members that `write` reads; the first one is the cache key
 * @returns a function like `write`, whose result must not be modified
 */
export function memoizeTail(
  names: readonly string[],
  write: (message: object) => Buffer,
): (message: object) => Buffer {
  const [first] = names;
  const cache = new WeakMap<object, { readonly values: readonly unknown[]; readonly bytes: Buffer }>();

  return (message) => {
    const key: unknown = first === undefined ? undefined : Reflect.get(message, first);
    if (typeof key !== 'object' || key === null) return write(message);
    const cached = cache.get(key);
    if (cached && names.every((name, index) => Reflect.get(message, name) === cached.values[index]))
      return cached.bytes;

    const values = names.map((name): unknown => Reflect.get(message, name));
    const bytes = write(message);
    if (values.every(Object.isFrozen)) cache.set(key, { values, bytes });
    return bytes;
  };
}
