import type { WidgetKey } from './model.js';

const MAX_NAME = 63;

/**
 * Derives the name of a widget key that has none, as tenant files and documents of versions before names: its label in
 * lower case, with a hyphen for whatever is no letter or digit, and with a number behind when the name is taken.
 */
export function deriveName(label: string, taken: { has(name: string): boolean }): string {
  const plain = label
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME)
    .replaceAll(/^-+|-+$/g, '');
  const base = plain === '' ? 'key' : plain;
  let name = base;
  for (let n = 2; taken.has(name); n++) {
    const suffix = `-${n}`;
    name = base.slice(0, MAX_NAME - suffix.length) + suffix;
  }
  return name;
}

/** Gives names to those widget keys of a tenant that have none, in the order of their ids, so that it repeats. */
export function nameKeys(
  keys: readonly (Omit<WidgetKey, 'name'> & { readonly name?: string })[],
): WidgetKey[] {
  const taken = new Set(keys.flatMap(({ name }) => name ?? []));
  const named = new Map<string, string>();
  for (const { id, name, label } of keys.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (name !== undefined) continue;
    const derived = deriveName(label, taken);
    taken.add(derived);
    named.set(id, derived);
  }
  return keys.map((key) => ({ ...key, name: key.name ?? named.get(key.id) ?? key.id }));
}
