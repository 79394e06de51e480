import { update as mingoUpdate } from 'mingo/updater';
import { isEqual } from 'mingo/util';
import { AssignedBox, Box, bsonType } from '../bson/box.js';
import { valueKey } from '../bson/value-key.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject, viewName } from '../bson/view.js';
import { checkedFilter, checkedPredicate, guarded, queryContext, unboxed } from '../filter/match.js';
import { MongoError } from '../mongo-error.js';
import { calculate } from './arithmetic.js';

/** What a modifier needs to know besides the document. */
export interface ModifyContext {
  /** The filter that found the document: the positional `$` refers to it. */
  readonly filter: ViewObject;
  readonly arrayFilters: readonly ViewObject[];
  /** Whether the document is new, so that `$setOnInsert` counts. */
  readonly isInsert: boolean;
  readonly now: Date;
}

const byMingo = new Set(['$unset', '$push', '$pull', '$pullAll', '$addToSet', '$pop', '$rename']);
const assigning = new Set(['$set', '$setOnInsert', '$inc', '$mul', '$min', '$max', '$currentDate']);
/** Operators that make the path that they name, so that all above it must be documents. */
const building = new Set(['$push', '$addToSet']);

/**
 * Applies update operators to a document, in place. mingo does the work on arrays and paths; what depends on BSON
 * types is worked out here first and handed to it as `$set`: arithmetic, dates, `$setOnInsert`.
 *
 * Throws code 9 for an operator that is not supported, 66 for a change of `_id`, 28 and 2 where a path leads through
 * a value that is no document, 40 for two changes of one path. A document that failed must be thrown away.
 */
export function modify(document: ViewObject, modifiers: ViewObject, context: ModifyContext): void {
  const set: ViewObject = {};
  const mingoModifiers: Record<string, View> = {};
  const assign = (path: string, value: View) => {
    if (Object.hasOwn(set, path)) throw conflict(path);
    set[path] = value;
  };
  for (const operator of keysOf(modifiers)) {
    const spec = specOf(modifiers, operator);
    for (const path of keysOf(spec)) {
      const operand = spec[path] ?? null;
      checkPath(path);
      if (path === '_id' || path.startsWith('_id.')) {
        if (keepsId(document, operator, path, operand, context.isInsert)) continue;
        throw new MongoError(
          66,
          `Performing an update on the path '${path}' would modify the immutable field '_id'`,
        );
      }
      if (assigning.has(operator) || building.has(operator)) checkParents(document, path);
      if (assigning.has(operator)) {
        const value = assignedValue(document, operator, path, operand, context);
        if (value !== undefined) assign(path, assigned(value));
      } else if (operator === '$push' || operator === '$addToSet') {
        prepareArray(document, operator, path);
      } else if (operator === '$pull' || operator === '$pullAll' || operator === '$pop') {
        checkArray(document, operator, path);
      } else if (operator === '$rename') {
        checkRename(document, path, operand);
      }
    }
    if (operator === '$addToSet') pushMissing(document, spec, mingoModifiers);
    else if (byMingo.has(operator)) addSpec(mingoModifiers, operator, mingoSpec(operator, spec));
  }
  if (Object.keys(set).length > 0) mingoModifiers['$set'] = set;
  for (const [operator, spec] of Object.entries(mingoModifiers)) {
    if (isViewObject(spec) && Object.keys(spec).length === 0) delete mingoModifiers[operator];
  }
  if (Object.keys(mingoModifiers).length === 0) return;
  applyByMingo(document, mingoModifiers, context);
}

function applyByMingo(document: ViewObject, modifiers: Record<string, View>, context: ModifyContext): void {
  const isPositional = Object.values(modifiers).some(
    (spec) => isViewObject(spec) && Object.keys(spec).some((path) => /\.\$(\.|$)/.test(path)),
  );
  const condition = isPositional ? checkedFilter(context.filter) : {};
  const arrayFilters = context.arrayFilters.map(checkedFilter);
  try {
    guarded(() => {
      // No cloning: what is assigned is written out at once.
      mingoUpdate(document, modifiers, arrayFilters, condition, {
        cloneMode: 'none',
        queryOptions: { context: queryContext },
      });
    });
  } catch (error) {
    if (error instanceof MongoError && /create a conflict/.test(error.message)) throw conflict(error.message);
    throw error;
  }
}

/**
 * Checks what can be told of modifiers without a document, as MongoDB does even when none matches: known operators
 * with objects, paths that are ones (codes 9, 56, 2), no path twice and none within another (code 40).
 */
export function checkModifiers(modifiers: ViewObject): void {
  const paths: string[] = [];
  for (const operator of keysOf(modifiers)) {
    const spec = specOf(modifiers, operator);
    for (const path of keysOf(spec)) {
      checkPath(path);
      const target = spec[path];
      for (const changed of operator === '$rename' && typeof target === 'string' ? [path, target] : [path]) {
        if (
          paths.some(
            (other) => `${other}.`.startsWith(`${changed}.`) || `${changed}.`.startsWith(`${other}.`),
          )
        )
          throw conflict(changed);
        paths.push(changed);
      }
    }
  }
}

/** What a modifier is given. Throws code 9 for one that is not supported, or has no object. */
function specOf(modifiers: ViewObject, operator: string): ViewObject {
  const spec = modifiers[operator];
  if (!byMingo.has(operator) && !assigning.has(operator)) {
    throw new MongoError(9, `Unknown modifier or one that the embedded server does not support: ${operator}`);
  }
  if (!isViewObject(spec))
    throw new MongoError(9, `Modifiers operate on fields but ${operator} has no object`);
  return spec;
}

function conflict(path: string): MongoError {
  return new MongoError(40, `Updating the path '${path}' would create a conflict`);
}

/** The value that an assigning operator comes to; undefined for none. */
function assignedValue(
  document: ViewObject,
  operator: string,
  path: string,
  operand: View,
  { isInsert, now }: ModifyContext,
): View | undefined {
  switch (operator) {
    case '$setOnInsert':
      return isInsert ? operand : undefined;
    case '$inc':
    case '$mul': {
      if (path.includes('$'))
        throw new MongoError(9, `${operator} is not supported with a positional path: ${path}`);
      const old = valueAt(document, path);
      const result = calculate(operator, path, old, operand);
      return operator === '$mul' && old === undefined
        ? calculate('$mul', path, result, zeroLike(result))
        : result;
    }
    case '$min':
    case '$max': {
      const old = valueAt(document, path);
      if (old === undefined) return operand;
      const order = Buffer.compare(valueKey(operand), valueKey(old));
      return (operator === '$max' ? order > 0 : order < 0) ? operand : undefined;
    }
    case '$currentDate':
      return currentDate(path, operand, now);
    default:
      return operand;
  }
}

/** Zero of the same type: `$mul` makes a missing field 0. */
function zeroLike(number: Box): Box {
  return new Box(Box.typeOf(number), Buffer.alloc(Box.bytesOf(number).length));
}

function currentDate(path: string, operand: View, now: Date): View {
  const type = isViewObject(operand) ? getOwn(operand, '$type') : undefined;
  if (operand === true || type === 'date') return now;
  if (type !== 'timestamp')
    throw new MongoError(2, `$currentDate of '${path}' wants true, 'date' or 'timestamp'`);
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(1, 0);
  bytes.writeUInt32LE(Math.floor(now.getTime() / 1000), 4);
  return new Box(bsonType.timestamp, bytes);
}

/** A value that is never taken for equal to the old one, so that Int32 5 can become Double 5. */
function assigned(value: View): View {
  if (value instanceof Box) return new AssignedBox(Box.typeOf(value), Box.bytesOf(value));
  if (Array.isArray(value)) return value.map(assigned);
  if (!isViewObject(value)) return value;
  // In place of a copy: the order of keys hangs on the object.
  for (const name of keysOf(value)) value[name] = assigned(value[name] ?? null);
  return value;
}

/** An operator's operands as mingo wants them: queries checked, counts and directions as plain numbers. */
function mingoSpec(operator: string, spec: ViewObject): ViewObject {
  const result: ViewObject = {};
  for (const path of keysOf(spec)) {
    if (path === '_id') continue;
    result[path] = mingoOperand(operator, path, spec[path] ?? null);
  }
  return result;
}

function mingoOperand(operator: string, path: string, operand: View): View {
  switch (operator) {
    case '$rename':
      return typeof operand === 'string' ? viewName(operand) : operand;
    case '$pull':
      if (!isViewObject(operand)) return checkedPredicate(operand);
      return keysOf(operand)[0]?.startsWith('$') ? checkedPredicate(operand) : checkedFilter(operand);
    case '$pop':
      return unboxed(operand);
    case '$push':
    case '$addToSet': {
      if (!isViewObject(operand) || !Object.hasOwn(operand, '$each')) return operand;
      const allowed = operator === '$push' ? ['$each', '$slice', '$sort', '$position'] : ['$each'];
      const result: ViewObject = {};
      for (const name of keysOf(operand)) {
        if (!allowed.includes(name))
          throw new MongoError(2, `Unrecognized clause in ${operator} of '${path}': ${name}`);
        const value = operand[name] ?? null;
        if (name === '$sort' && isViewObject(value) && keysOf(value).length !== 1) {
          throw new MongoError(9, `the embedded server sorts by one field in $push of '${path}'`);
        }
        result[name] = name === '$each' ? value : unboxed(value);
      }
      return result;
    }
    default:
      return operand;
  }
}

function keepsId(
  document: ViewObject,
  operator: string,
  path: string,
  operand: View,
  isInsert: boolean,
): boolean {
  if (operator === '$setOnInsert' && (!isInsert || path === '_id')) return true;
  const id = getOwn(document, '_id') ?? null;
  return operator === '$set' && path === '_id' && sameValue(id, operand);
}

function sameValue(a: View, b: View): boolean {
  if (a instanceof Box && b instanceof Box)
    return a.constructor === b.constructor && a.toString() === b.toString();
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (isViewObject(a) && isViewObject(b)) return JSON.stringify(unboxed(a)) === JSON.stringify(unboxed(b));
  return a === b;
}

function checkPath(path: string): void {
  const names = path.split('.');
  if (names.includes('')) throw new MongoError(56, `The update path '${path}' contains an empty field name`);
  if (path.startsWith('$')) {
    throw new MongoError(2, `The dollar ($) prefixed field '${path}' is not allowed in an update's path`);
  }
}

/** mingo passes over a path that it cannot make; MongoDB refuses it, and so do we. */
function checkParents(document: ViewObject, path: string): void {
  if (path.includes('$')) return;
  const names = path.split('.');
  let parent: View | undefined = document;
  for (const [i, name] of names.entries()) {
    const isLast = i === names.length - 1;
    if (Array.isArray(parent)) {
      if (!/^\d{1,6}$/.test(name)) throw notViable(path, name);
      if (!isLast) parent = parent[Number(name)];
    } else if (isViewObject(parent)) {
      const isInherited = name in parent && !Object.hasOwn(parent, name);
      if (isInherited && !isLast)
        throw new MongoError(2, `the embedded server cannot make the path '${path}'`);
      if (!isLast) parent = getOwn(parent, name);
    } else {
      throw notViable(path, name);
    }
    if (parent === undefined) return;
  }
}

function notViable(path: string, name: string): MongoError {
  return new MongoError(28, `Cannot create field '${name}' in the path '${path}': its parent is no document`);
}

/** Makes the array where there is none: mingo would pass over `$sort` and `$slice`. */
function prepareArray(document: ViewObject, operator: string, path: string): void {
  if (path.includes('$')) return;
  const old = valueAt(document, path);
  if (old === undefined) setPath(document, path, []);
  else if (!Array.isArray(old))
    throw new MongoError(2, `The field '${path}' must be an array for ${operator}`);
}

/** mingo passes over what is no array; MongoDB refuses it, unless there is nothing. */
function checkArray(document: ViewObject, operator: string, path: string): void {
  if (path.includes('$')) return;
  const old = valueAt(document, path);
  if (old === undefined || Array.isArray(old)) return;
  throw new MongoError(
    operator === '$pop' ? 14 : 2,
    `Cannot apply ${operator} to a non-array value: '${path}'`,
  );
}

/** `$addToSet` as a `$push` of what is not there: mingo's would also drop what the array has twice. */
function pushMissing(document: ViewObject, spec: ViewObject, modifiers: Record<string, View>): void {
  const push: ViewObject = {};
  for (const path of keysOf(spec)) {
    if (path.includes('$'))
      throw new MongoError(9, `$addToSet is not supported with a positional path: ${path}`);
    const operand = mingoOperand('$addToSet', path, spec[path] ?? null);
    const each = isViewObject(operand) ? getOwn(operand, '$each') : undefined;
    if (each !== undefined && !Array.isArray(each)) {
      throw new MongoError(14, `The argument to $each in $addToSet must be an array: '${path}'`);
    }
    const old = valueAt(document, path);
    const known = Array.isArray(old) ? [...old] : [];
    const missing: View[] = [];
    for (const item of each ?? [operand]) {
      if (known.some((other) => isEqual(other, item))) continue;
      known.push(item);
      missing.push(item);
    }
    if (missing.length > 0) push[path] = { $each: missing };
  }
  addSpec(modifiers, '$push', push);
}

function addSpec(modifiers: Record<string, View>, operator: string, spec: ViewObject): void {
  const known = modifiers[operator];
  if (!isViewObject(known)) {
    modifiers[operator] = spec;
    return;
  }
  for (const path of keysOf(spec)) {
    if (Object.hasOwn(known, path)) throw conflict(path);
    known[path] = spec[path] ?? null;
  }
}

function checkRename(document: ViewObject, path: string, target: View): void {
  if (typeof target !== 'string')
    throw new MongoError(2, `The 'to' field for $rename must be a string: ${path}`);
  checkPath(target);
  if (target === '_id' || target.startsWith('_id.')) throw new MongoError(66, "$rename would modify '_id'");
  checkParents(document, target);
}

function valueAt(document: ViewObject, path: string): View | undefined {
  let value: View | undefined = document;
  for (const name of path.split('.')) {
    if (Array.isArray(value)) value = value[Number(name)];
    else value = isViewObject(value) ? getOwn(value, name) : undefined;
  }
  return value;
}

/** Sets a value at a path of documents, making those that are missing. */
export function setPath(document: ViewObject, path: string, value: View): void {
  const [name = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    document[name] = value;
    return;
  }
  const inner = getOwn(document, name);
  if (Array.isArray(inner)) {
    const item = inner[Number(rest[0])];
    if (rest.length > 1 && isViewObject(item)) setPath(item, rest.slice(1).join('.'), value);
    else if (rest.length === 1) inner[Number(rest[0])] = value;
    else throw new MongoError(2, `the embedded server cannot make the path '${path}'`);
    return;
  }
  const next = isViewObject(inner) ? inner : {};
  document[name] = next;
  setPath(next, rest.join('.'), value);
}
