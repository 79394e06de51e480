import { createHash } from 'node:crypto';
import { type Direction, EMPTY_ARRAY, inverted, valueKey } from '../bson/value-key.js';
import { getOwn, isViewObject, type View, type ViewObject } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';

/** LMDB takes 1,978 bytes: an index's number, its fields' key and the document's key must fit together. */
export const longestFieldsKey = 1400;
/** What is left of it for the document's key. */
export const longestIdKey = 400;

/** The key of a document by its `_id`. */
export function idKey(id: View): Buffer {
  return shortened(valueKey(id), longestIdKey);
}

/** A key of at most `longest` bytes as it is; of a longer one its beginning and a hash of all, so that equal keys
 *  stay equal and others differ. Only the order among keys of one long beginning is lost. */
export function shortened(key: Buffer, longest: number): Buffer {
  if (key.length <= longest) return key;
  return Buffer.concat([key.subarray(0, longest), createHash('sha256').update(key).digest()]);
}

/** Whether `shortened` cut this key. */
export function isCut(key: Buffer, longest: number): boolean {
  return key.length > longest;
}

/** No document is nested deeper (view.ts). */
const longestPath = 181;
/** Steps that the walk to the values of one path may take: more than a document of 16 MiB has objects. */
const mostSteps = 2_000_000;

/** Whether some document can have a value at a path; longer ones only take time. */
export function isReachable(path: string): boolean {
  return path.split('.', longestPath + 1).length <= longestPath;
}

interface KeysAtPath {
  readonly keys: readonly Buffer[];
  readonly isMany: boolean;
}

/** What the indexes of one document share: the keys of each direction and path, made once. */
export type PathKeys = Map<string, KeysAtPath>;

/** The keys of one document in an index over these fields: several when a field is an array. */
export function fieldsKeys(
  document: ViewObject,
  fields: readonly (readonly [path: string, direction: Direction])[],
  made: PathKeys = new Map(),
): { readonly keys: readonly Buffer[]; readonly multikey: boolean; readonly cut: boolean } {
  const parts: (readonly Buffer[])[] = [];
  let multikey = false;
  for (const [path, direction] of fields) {
    const { keys, isMany } = keysAt(document, path, direction, made);
    if (isMany && multikey) throw new MongoError(201, `cannot index parallel arrays: [${path}]`);
    multikey ||= isMany;
    parts.push(keys);
  }
  const whole = combined(parts);
  return {
    keys: whole.map((key) => shortened(key, longestFieldsKey)),
    multikey,
    cut: whole.some((key) => isCut(key, longestFieldsKey)),
  };
}

/** Every way to take one key of each field, in one piece. */
function combined(parts: readonly (readonly Buffer[])[]): Buffer[] {
  const firsts: Buffer[] = [];
  for (const [first, second] of parts) if (first && second === undefined) firsts.push(first);
  // The usual case, without the product.
  if (firsts.length === parts.length) return [Buffer.concat(firsts)];
  let prefixes: Buffer[][] = [[]];
  for (const keys of parts) prefixes = prefixes.flatMap((prefix) => keys.map((key) => [...prefix, key]));
  return prefixes.map((prefix) => Buffer.concat(prefix));
}

/** The different keys of a document at a path. */
function keysAt(document: ViewObject, path: string, direction: Direction, made: PathKeys): KeysAtPath {
  const name = `${direction}${path}`;
  let found = made.get(name);
  if (found === undefined) {
    if (direction === 1) found = ascendingKeysAt(document, path);
    else {
      const { keys, isMany } = keysAt(document, path, 1, made);
      found = { keys: keys.map(inverted), isMany };
    }
    made.set(name, found);
  }
  return found;
}

function ascendingKeysAt(document: ViewObject, path: string): KeysAtPath {
  const { values, isMany } = valuesAt(document, path);
  const keys = values.map((value) => (value === emptyArray ? EMPTY_ARRAY : valueKey(value)));
  const distinct =
    keys.length < 2 ? keys : [...new Map(keys.map((key) => [key.toString('latin1'), key])).values()];
  return { keys: distinct, isMany };
}

const emptyArray: unique symbol = Symbol('empty array');

/** What an index sees at a path: each element of an array, and null for nothing at all. */
function valuesAt(
  document: ViewObject,
  path: string,
): { readonly values: (View | typeof emptyArray)[]; readonly isMany: boolean } {
  // The usual case, without the walk.
  if (!path.includes('.')) {
    const value = getOwn(document, path);
    if (!Array.isArray(value)) return { values: [value ?? null], isMany: false };
  }
  const values: (View | typeof emptyArray)[] = [];
  let isMany = false;
  const names = path.split('.');
  let steps = 0;
  const walk = (value: View | undefined, at: number): void => {
    // A number in a path is an element's place and a field's name: in nested arrays its ways double at each level.
    if (++steps > mostSteps) throw new MongoError(2, `too many values at the path '${path.slice(0, 100)}'`);
    const name = names[at];
    if (name === undefined) {
      if (!Array.isArray(value)) values.push(value ?? null);
      else {
        isMany = true;
        if (value.length === 0) values.push(emptyArray);
        else for (const element of value) values.push(element);
      }
    } else if (Array.isArray(value)) {
      isMany = true;
      const item = /^\d+$/.test(name) ? value[Number(name)] : undefined;
      if (item !== undefined) walk(item, at + 1);
      for (const element of value) if (isViewObject(element)) walk(getOwn(element, name), at + 1);
      if (values.length === 0) values.push(null);
    } else if (isViewObject(value)) walk(getOwn(value, name), at + 1);
    else values.push(null);
  };
  walk(document, 0);
  return { values, isMany };
}

/** The key that a document sorts by: of an array the smallest element ascending, the largest descending. */
export function sortKey(document: ViewObject, fields: readonly (readonly [string, Direction])[]): Buffer {
  const parts = fields.map(([path, direction]) => {
    const keys = valuesAt(document, path).values.map((value) =>
      value === emptyArray ? EMPTY_ARRAY : valueKey(value),
    );
    const directed = direction === 1 ? keys : keys.map(inverted);
    return directed.reduce((least, key) => (Buffer.compare(key, least) < 0 ? key : least));
  });
  return Buffer.concat(parts);
}
