import { Box, numberOf } from '../bson/box.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';

/** Makes the document that an answer carries from a stored one. */
export type Project = (document: ViewObject) => ViewObject;

interface Paths {
  readonly [name: string]: Paths | true;
}

/** Compiles a projection of paths to include or to exclude. Throws code 2 for expressions and mixtures. */
export function projection(spec: ViewObject): Project | undefined {
  const names = keysOf(spec);
  if (names.length === 0) return undefined;
  const flags = names.map((path) => [path, flagOf(path, spec[path] ?? null)] as const);
  const id = flags.find(([path]) => path === '_id')?.[1];
  const others = flags.filter(([path]) => path !== '_id');
  const includes = others.length > 0 ? others[0]?.[1] === true : id === true;
  if (others.some(([, flag]) => flag !== includes)) {
    throw new MongoError(2, 'Cannot mix inclusion and exclusion in a projection');
  }
  const paths: Record<string, Paths | true> = Object.create(null);
  for (const [path] of others) addPath(paths, path);
  if (includes) {
    if (id !== false) paths['_id'] = true;
    return (document) => included(document, paths);
  }
  if (id === false) paths['_id'] = true;
  return (document) => excluded(document, paths);
}

function flagOf(path: string, value: View): boolean {
  if (path.startsWith('$') || path.includes('.$'))
    throw new MongoError(2, `projection not supported: ${path}`);
  if (typeof value === 'boolean') return value;
  const number = value instanceof Box ? Number(numberOf(value)) : Number.NaN;
  if (Number.isNaN(number))
    throw new MongoError(2, `projection not supported: only true, false, 1 and 0 (${path})`);
  return number !== 0;
}

function addPath(paths: Record<string, Paths | true>, path: string): void {
  const [name = '', ...rest] = path.split('.');
  const known = paths[name];
  if (rest.length === 0 || known === true) {
    if (known !== undefined) throw new MongoError(2, `Path collision at ${path}`);
    paths[name] = true;
    return;
  }
  const next: Record<string, Paths | true> = known ?? Object.create(null);
  paths[name] = next;
  addPath(next, rest.join('.'));
}

function included(document: ViewObject, paths: Paths): ViewObject {
  const result: ViewObject = {};
  for (const name of keysOf(document)) {
    const rest = paths[name];
    const value = getOwn(document, name) ?? null;
    if (rest === true) result[name] = value;
    else if (rest !== undefined) {
      const part = within(value, (inner) => included(inner, rest), false);
      if (part !== undefined) result[name] = part;
    }
  }
  return result;
}

function excluded(document: ViewObject, paths: Paths): ViewObject {
  const result: ViewObject = {};
  for (const name of keysOf(document)) {
    const rest = paths[name];
    const value = getOwn(document, name) ?? null;
    if (rest === undefined) result[name] = value;
    else if (rest !== true) result[name] = within(value, (inner) => excluded(inner, rest), true) ?? null;
  }
  return result;
}

/** Applies a projection to a document, or to those in an array; other values are kept or left out. */
function within(value: View, project: Project, keepOthers: boolean): View | undefined {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const part = within(item, project, keepOthers);
      return part === undefined ? [] : [part];
    });
  }
  if (isViewObject(value)) return project(value);
  return keepOthers ? value : undefined;
}
