import { isSameType, NAN_KEY, NULL_KEY, valueKey } from '../bson/value-key.js';
import { type BsonDocument, type BsonValue, isArray, isDocument } from '../bson/values.js';
import type { Bound, Clause, Filter, Predicate } from './filter.js';

/** Whether a document matches a filter. */
export function matches(filter: Filter, document: BsonDocument): boolean {
  return filter.every((clause) => meets(clause, document));
}

function meets(clause: Clause, document: BsonDocument): boolean {
  if (clause.kind === 'or') return clause.filters.some((filter) => matches(filter, document));
  const value = document.get(clause.name);
  return clause.predicates.every((predicate) => holds(predicate, value));
}

function holds(predicate: Predicate, value: BsonValue | undefined): boolean {
  switch (predicate.operator) {
    case 'exists':
      return (value !== undefined) === predicate.exists;
    case 'not':
      return !predicate.predicates.every((inner) => holds(inner, value));
    case 'eq':
      return keysOf(value).some((key) => key.equals(predicate.key));
    case 'in':
      return keysOf(value).some((key) => predicate.keys.some((wanted) => key.equals(wanted)));
    default: {
      const { operator, key: bound } = predicate;
      return keysOf(value).some((key) => isWithin(key, operator, bound));
    }
  }
}

/** The keys that a value is compared by: of an array those of its elements, of a missing member that of null. */
function keysOf(value: BsonValue | undefined): Buffer[] {
  // Filters compare with scalars only, so documents and inner arrays never match.
  if (isArray(value)) return value.filter((item) => !isArray(item) && !isDocument(item)).map(valueKey);
  if (value === undefined) return [NULL_KEY];
  return isDocument(value) ? [] : [valueKey(value)];
}

function isWithin(key: Buffer, operator: Bound, bound: Buffer): boolean {
  if (!isSameType(key, bound)) return false;
  const order = Buffer.compare(key, bound);
  if (order === 0) return operator === 'gte' || operator === 'lte';
  if (key.equals(NAN_KEY) || bound.equals(NAN_KEY)) return false;
  return operator === 'gt' || operator === 'gte' ? order > 0 : order < 0;
}
