import { isDeepStrictEqual } from 'node:util';
import {
  type CatalogChange,
  CatalogChange_Kind as Kind,
  type TenantDefinition,
} from '../gen/ts-proto/chatsessions/v1/catalog.js';

/** The longest value in a line, in characters; what is longer is cut. It bounds the answer, and a line stays a line. */
const MAX_VALUE = 500;

/**
 * The differences between two definitions of a tenant, line by line: flows by their slug, widget keys by their name,
 * quick questions by their place, and of a flow or key that is in both only the fields that differ.
 *
 * @param before undefined for a tenant that does not exist yet
 */
export function diffTenant(before: TenantDefinition | undefined, after: TenantDefinition): CatalogChange[] {
  const flows = [bySlug(before?.flows), bySlug(after.flows)] as const;
  return [
    ...diffValue('name', before?.name, after.name),
    ...diffMaps('flows.', ...flows),
    ...diffOrder('flows', [...flows[0].keys()], [...flows[1].keys()]),
    ...diffMaps('quickQuestions.', byPlace(before?.quickQuestions), byPlace(after.quickQuestions)),
    ...diffMaps('widgetKeys.', byName(before?.widgetKeys), byName(after.widgetKeys)),
  ];
}

function diffMaps(
  at: string,
  before: ReadonlyMap<string, object>,
  after: ReadonlyMap<string, object>,
): CatalogChange[] {
  const lines: CatalogChange[] = [];
  for (const [name, old] of before) if (!after.has(name)) lines.push(line(`${at}${name}`, old, undefined));
  for (const [name, value] of after) {
    const old = before.get(name);
    if (old) lines.push(...diffMembers(`${at}${name}`, old, value));
    else lines.push(line(`${at}${name}`, undefined, value));
  }
  return lines;
}

function diffMembers(at: string, before: object, after: object): CatalogChange[] {
  const [old, members] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...old.keys(), ...members.keys()])].flatMap((name) =>
    diffValue(`${at}.${name}`, old.get(name), members.get(name)),
  );
}

function diffValue(at: string, before: unknown, after: unknown): CatalogChange[] {
  if (isDeepStrictEqual(compact(before), compact(after))) return [];
  // An intent is compared field by field; an icon, a time and a list are values.
  if (at.endsWith('.intent') && isObject(before) && isObject(after)) return diffMembers(at, before, after);
  return [line(at, before, after)];
}

/** The order of those that are in both. */
function diffOrder(at: string, before: readonly string[], after: readonly string[]): CatalogChange[] {
  const stayed = (names: readonly string[], others: readonly string[]) =>
    names.filter((name) => others.includes(name));
  return diffValue(at, stayed(before, after), stayed(after, before));
}

function line(path: string, before: unknown, after: unknown): CatalogChange {
  const [from, to] = [toText(before), toText(after)];
  return {
    kind: from === '' ? Kind.ADDED : to === '' ? Kind.REMOVED : Kind.CHANGED,
    path,
    before: from,
    after: to,
  };
}

function toText(value: unknown): string {
  const text = JSON.stringify(compact(value)) ?? '';
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE).toWellFormed()}…` : text;
}

/** A value without its empty members, as a person would write it in a tenant file. */
function compact(value: unknown): unknown {
  if (!isObject(value) || Array.isArray(value)) return value === '' ? undefined : value;
  if ('seconds' in value) return new Date(Number(value.seconds) * 1000).toISOString();
  const entries = Object.entries(value).map(([name, member]) => [name, compact(member)] as const);
  return Object.fromEntries(entries.filter(([, member]) => member !== undefined && !isEmptyList(member)));
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function bySlug<T extends { slug: string }>(things: readonly T[] = []): ReadonlyMap<string, Omit<T, 'slug'>> {
  return new Map(things.map(({ slug, ...rest }) => [slug, rest]));
}

function byName<T extends { name: string }>(things: readonly T[] = []): ReadonlyMap<string, Omit<T, 'name'>> {
  return new Map(things.map(({ name, ...rest }) => [name, rest]));
}

function byPlace<T extends object>(things: readonly T[] = []): ReadonlyMap<string, T> {
  return new Map(things.map((thing, place) => [String(place), thing]));
}
