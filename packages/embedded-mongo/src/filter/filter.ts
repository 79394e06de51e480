import { valueKey } from '../bson/value-key.js';
import {
  type BsonDocument,
  type BsonValue,
  bsonType,
  isArray,
  isDocument,
  RawValue,
  typeName,
} from '../bson/values.js';
import { MongoError, unsupported } from '../mongo-error.js';

/** A parsed filter. A document matches when it meets all clauses. */
export type Filter = readonly Clause[];

/** A condition on one member of a document, or filters of which one must match. */
export type Clause =
  | { readonly kind: 'member'; readonly name: string; readonly predicates: readonly Predicate[] }
  | { readonly kind: 'or'; readonly filters: readonly Filter[] };

/** A condition on one value. Values to compare with are kept as their keys (value-key.ts). */
export type Predicate =
  | { readonly operator: 'eq' | Bound; readonly key: Buffer }
  | { readonly operator: 'in'; readonly keys: readonly Buffer[] }
  | { readonly operator: 'exists'; readonly exists: boolean }
  | { readonly operator: 'not'; readonly predicates: readonly Predicate[] };

/** The operators that a range is made of. */
export type Bound = 'gt' | 'gte' | 'lt' | 'lte';

const BOUNDS: ReadonlyMap<string, Bound> = new Map([
  ['$gt', 'gt'],
  ['$gte', 'gte'],
  ['$lt', 'lt'],
  ['$lte', 'lte'],
]);

/** What a filter may compare with. MongoDB orders other types by rules that nothing here needs. */
const COMPARABLE: ReadonlySet<number> = new Set([
  bsonType.int,
  bsonType.long,
  bsonType.double,
  bsonType.date,
  bsonType.binary,
  bsonType.objectId,
]);

/**
 * Parses a filter: equality, `$in`, `$gt`, `$gte`, `$lt`, `$lte`, `$exists`, `$not` and `$or`, on members at the top
 * of a document, against scalars. Throws code 2 for anything else.
 */
export function parseFilter(filter: BsonDocument): Filter {
  return [...filter].map(([name, value]) => {
    if (name === '$or') return { kind: 'or', filters: alternatives(value) };
    if (name.startsWith('$')) throw unsupported(2, `the filter operator ${name}`);
    return { kind: 'member', name: checkedName(name, 2), predicates: predicatesOf(value) };
  });
}

/** The key that a filter holds a member equal to. */
export function equalKey(filter: Filter, name: string): Buffer | undefined {
  for (const clause of filter) {
    if (clause.kind !== 'member' || clause.name !== name) continue;
    const [predicate] = clause.predicates;
    if (predicate?.operator === 'eq') return predicate.key;
  }
  return undefined;
}

/** The name of a member at the top of a document. Throws `code` for a path into it. */
export function checkedName(name: string, code: 2 | 67): string {
  if (name !== '' && !name.includes('.') && !name.startsWith('$')) return name;
  throw unsupported(code, `a name that is empty, a path or an operator, here '${name.slice(0, 100)}'`);
}

function alternatives(value: BsonValue): Filter[] {
  if (!isArray(value) || value.length === 0) throw new MongoError(2, '$or must be a nonempty array');
  return value.map((part) => {
    if (!isDocument(part)) throw new MongoError(2, '$or entries need to be full objects');
    return parseFilter(part);
  });
}

function predicatesOf(value: BsonValue): Predicate[] {
  if (!isOperators(value)) return [{ operator: 'eq', key: comparableKey(value) }];
  return [...value].map(([name, operand]) => predicateOf(name, operand));
}

function predicateOf(name: string, operand: BsonValue): Predicate {
  const bound = BOUNDS.get(name);
  if (bound) return { operator: bound, key: comparableKey(operand) };
  if (name === '$in') {
    if (!isArray(operand)) throw new MongoError(2, '$in needs an array');
    return { operator: 'in', keys: operand.map(comparableKey) };
  }
  if (name === '$exists') {
    if (typeof operand !== 'boolean') throw unsupported(2, `$exists of anything but true and false`);
    return { operator: 'exists', exists: operand };
  }
  if (name === '$not') {
    if (!isOperators(operand)) throw unsupported(2, '$not of anything but a document of operators');
    return { operator: 'not', predicates: predicatesOf(operand) };
  }
  throw unsupported(2, `the filter operator ${name}`);
}

function isOperators(value: BsonValue): value is BsonDocument {
  return isDocument(value) && (value.keys().next().value?.startsWith('$') ?? false);
}

function comparableKey(value: BsonValue): Buffer {
  const isScalar =
    value instanceof RawValue ? COMPARABLE.has(value.type) : !isArray(value) && !isDocument(value);
  if (!isScalar) throw unsupported(2, `filters that compare with the type ${typeName(value)}`);
  return valueKey(value);
}
