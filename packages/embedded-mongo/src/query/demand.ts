import { inverted, isSameType, NAN_KEY, NULL_KEY, typeBounds } from '../bson/value-key.js';
import type { Filter, Predicate } from '../filter/filter.js';
import { type Direction, MAX_FIELDS_KEY } from '../storage/index-key.js';
import { after, type KeyRange } from '../storage/store.js';

/** What a filter demands of one member, as far as an index can use it. Values are keys (bson/value-key.ts). */
export interface Demand {
  readonly equal?: Buffer;
  readonly anyOf?: readonly Buffer[];
  readonly above?: { readonly key: Buffer; readonly isInclusive: boolean };
  readonly below?: { readonly key: Buffer; readonly isInclusive: boolean };
}

/** Values of an `$in` that are looked up one by one; with more, the index is not used. */
const MAX_POINTS = 1000;

/** What a filter demands of each member. */
export function demandsOf(filter: Filter): ReadonlyMap<string, Demand> {
  const demands = new Map<string, Demand>();
  for (const clause of filter) {
    if (clause.kind !== 'member') continue;
    demands.set(clause.name, Object.assign({}, ...clause.predicates.map(demandOf)));
  }
  return demands;
}

function demandOf(predicate: Predicate): Demand {
  switch (predicate.operator) {
    case 'eq':
      return { equal: predicate.key };
    case 'in':
      return predicate.keys.length <= MAX_POINTS ? { anyOf: predicate.keys } : {};
    case 'gt':
    case 'gte':
      return isOrdered(predicate.key)
        ? { above: { key: predicate.key, isInclusive: predicate.operator === 'gte' } }
        : {};
    case 'lt':
    case 'lte':
      return isOrdered(predicate.key)
        ? { below: { key: predicate.key, isInclusive: predicate.operator === 'lte' } }
        : {};
    default:
      return {};
  }
}

/** Null and NaN are neither above nor below anything. */
function isOrdered(key: Buffer): boolean {
  return !key.equals(NULL_KEY) && !key.equals(NAN_KEY);
}

/** The keys between a demand's bounds; where one is missing, up to the end of the other's type. */
export function rangeOf(demand: Demand, direction: Direction): KeyRange | undefined {
  const { above, below } = demand;
  const bound = above ?? below;
  if (bound === undefined || (above && below && !isSameType(above.key, below.key))) return undefined;
  const type = typeBounds(bound.key);
  const start = above ? (above.isInclusive ? above.key : after(above.key)) : type.low;
  const end = below ? (below.isInclusive ? after(below.key) : below.key) : type.high;
  // Cut keys are compared by their beginnings only.
  const low = start.length > MAX_FIELDS_KEY ? start.subarray(0, MAX_FIELDS_KEY) : start;
  const high = end.length > MAX_FIELDS_KEY ? after(end.subarray(0, MAX_FIELDS_KEY)) : end;
  // Inverted, low <= k < high is ~high < ~k <= ~low: the range begins behind all keys that begin with ~high, and ends
  // behind those that begin with ~low.
  return direction === 1
    ? { start: low, end: high }
    : { start: after(inverted(high)), end: after(inverted(low)) };
}
