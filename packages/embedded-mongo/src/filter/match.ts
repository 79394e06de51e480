import { Context } from 'mingo/core';
import * as queryOperators from 'mingo/operators/query';
import { Query } from 'mingo/query';
import { Box, bsonType, numberOf } from '../bson/box.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';

/** Tells whether a document matches a filter. */
export type Match = (document: ViewObject) => boolean;

const logical = new Set(['$and', '$or', '$nor']);
const comparing = new Set(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$all']);
/** Operators whose operand is a plain number, a flag or a text, not a value to compare with. */
const plain = new Set(['$exists', '$size', '$mod', '$type', '$regex', '$options']);

/**
 * mingo's operators, except `$type`, which would see our boxes and not the types that they keep, and `$mod`, which
 * would take null for 0.
 */
export const queryContext = Context.init({
  query: { ...queryOperators, $type: matchType, $mod: matchMod },
});

/** Compiles a filter. Throws code 2 for operators that are not supported here, and for faulty operands. */
export function matcher(filter: ViewObject): Match {
  if (Object.keys(filter).length === 0) return () => true;
  const condition = checkedFilter(filter);
  return guarded(() => {
    const query = new Query(condition, { context: queryContext });
    return (document) => guarded(() => query.test(document));
  });
}

/** Runs a part of mingo; what it throws is the client's fault, and never a storage error. */
export function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof MongoError) throw error;
    throw new MongoError(2, error instanceof Error ? error.message : String(error));
  }
}

/** A filter as mingo is to see it: known operators only, plain operands where mingo wants them. */
export function checkedFilter(filter: ViewObject): ViewObject {
  const checked: ViewObject = {};
  for (const name of keysOf(filter)) {
    const value = filter[name] ?? null;
    if (name === '$comment') continue;
    if (logical.has(name)) {
      if (!Array.isArray(value) || value.length === 0)
        throw new MongoError(2, `${name} must be a nonempty array`);
      checked[name] = value.map((part) => {
        if (!isViewObject(part)) throw new MongoError(2, `${name} entries need to be full objects`);
        return checkedFilter(part);
      });
    } else if (name.startsWith('$')) {
      throw new MongoError(2, `unknown top level operator: ${name}`);
    } else {
      checked[name] = checkedPredicate(value);
    }
  }
  return checked;
}

/** The value of a field in a filter: a value to equal, or operators. */
export function checkedPredicate(value: View): View {
  if (value instanceof Box && Box.typeOf(value) === bsonType.regex) return { $regex: regexView(value) };
  if (!isOperators(value)) return value;
  const checked: ViewObject = {};
  for (const name of keysOf(value)) {
    const operand = value[name] ?? null;
    // At least null is null, and a missing field too; mingo would pass over the latter.
    if ((name === '$gte' || name === '$lte') && operand === null) checked['$in'] = [null];
    else checked[name] = checkedOperand(name, operand);
  }
  return checked;
}

/** Whether a value in a filter is an object of operators. */
export function isOperators(value: View): value is ViewObject {
  return isViewObject(value) && (keysOf(value)[0]?.startsWith('$') ?? false);
}

function checkedOperand(name: string, value: View): View {
  if (comparing.has(name)) {
    const isList = name === '$in' || name === '$nin' || name === '$all';
    if (isList && !Array.isArray(value)) throw new MongoError(2, `${name} needs an array`);
    if (isList && Array.isArray(value)) return value.map((item) => checkedListItem(name, item));
    return value;
  }
  if (name === '$not') {
    if (!isOperators(value) && !(value instanceof Box))
      throw new MongoError(2, '$not needs a regex or a document');
    return checkedPredicate(value);
  }
  if (name === '$elemMatch') {
    if (!isViewObject(value)) throw new MongoError(2, '$elemMatch needs an Object');
    const first = keysOf(value)[0];
    return first?.startsWith('$') && !logical.has(first) ? checkedPredicate(value) : checkedFilter(value);
  }
  if (plain.has(name)) return unboxed(value);
  throw new MongoError(2, `unknown operator: ${name}`);
}

function checkedListItem(name: string, item: View): View {
  if (item instanceof Box && Box.typeOf(item) === bsonType.regex) return regexView(item);
  if (name === '$all' && isOperators(item)) return checkedPredicate(item);
  return item;
}

/** mingo wants a RegExp; it passes through the view's type as an opaque object. */
function regexView(value: Box): View {
  const [pattern = '', options = ''] = Buffer.from(Box.bytesOf(value)).toString('utf8').split('\0');
  if (/[^imsu]/.test(options)) throw new MongoError(2, `regular expression option not supported: ${options}`);
  // The cast is safe: only mingo reads the checked filter, and it knows RegExp.
  return guarded(() => new RegExp(pattern, options)) as unknown as View;
}

/** A value with plain numbers in place of boxed ones. */
export function unboxed(value: View): View {
  if (value instanceof Box) {
    if (Box.typeOf(value) === bsonType.regex) return regexView(value);
    const number = numberOf(value);
    // The cast is safe: as above.
    return (Number.isNaN(number) ? value : Number(number)) as unknown as View;
  }
  if (Array.isArray(value)) return value.map(unboxed);
  if (!isViewObject(value)) return value;
  const plainObject: ViewObject = {};
  for (const name of keysOf(value)) plainObject[name] = unboxed(value[name] ?? null);
  return plainObject;
}

const typeAliases: Readonly<Record<string, readonly number[]>> = {
  double: [1],
  string: [2],
  object: [3],
  array: [4],
  binData: [5],
  objectId: [7],
  bool: [8],
  date: [9],
  null: [10],
  regex: [11],
  int: [16],
  timestamp: [17],
  long: [18],
  decimal: [19],
  number: [1, 16, 18, 19],
  minKey: [255],
  maxKey: [127],
};

/** `$type`, by the types that the stored bytes have. */
function matchType(selector: string, operand: unknown, _options: unknown): (document: unknown) => boolean {
  const wanted = new Set<number>();
  for (const one of Array.isArray(operand) ? operand : [operand]) {
    const types = typeof one === 'number' ? [one & 255] : typeAliases[String(one)];
    if (types === undefined) throw new MongoError(2, `Unknown type name alias: ${String(one)}`);
    for (const type of types) wanted.add(type);
  }
  return matchingValues(selector, (value) => wanted.has(typeOf(value)));
}

/** `$mod`, of numbers only, which it cuts to whole ones. */
function matchMod(selector: string, operand: unknown, _options: unknown): (document: unknown) => boolean {
  const [divisor, remainder] = Array.isArray(operand) && operand.length === 2 ? operand.map(Number) : [];
  if (divisor === undefined || remainder === undefined || !(Math.abs(divisor) >= 1)) {
    throw new MongoError(2, 'malformed mod: it needs a divisor other than 0 and a remainder');
  }
  return matchingValues(selector, (value) => {
    const number = value instanceof Box ? Number(numberOf(value)) : Number.NaN;
    return Math.trunc(number) % Math.trunc(divisor) === Math.trunc(remainder);
  });
}

/** Tests the value at a path; of an array, each element too. */
function matchingValues(selector: string, matches: (value: View) => boolean): (document: unknown) => boolean {
  const test = (value: View | undefined, names: readonly string[]): boolean => {
    const [name, ...rest] = names;
    if (name === undefined) {
      if (value === undefined) return false;
      return matches(value) || (Array.isArray(value) && value.some(matches));
    }
    if (Array.isArray(value)) {
      const item = /^\d+$/.test(name) ? value[Number(name)] : undefined;
      return (
        (item !== undefined && test(item, rest)) ||
        value.some((inner) => isViewObject(inner) && test(getOwn(inner, name), rest))
      );
    }
    return isViewObject(value) && test(getOwn(value, name), rest);
  };
  const names = selector.split('.');
  return (document) => isViewObject(document) && test(document, names);
}

/** The BSON type of a value. */
export function typeOf(value: View): number {
  if (value === null) return bsonType.null;
  if (typeof value === 'string') return bsonType.string;
  if (typeof value === 'boolean') return bsonType.bool;
  if (value instanceof Date) return bsonType.date;
  if (value instanceof Box) return Box.typeOf(value);
  return Array.isArray(value) ? bsonType.array : bsonType.object;
}
