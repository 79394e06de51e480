import { Box, bsonType, NanBox } from '../bson/box.js';
import { encodeDocument } from '../bson/encode.js';
import { type Direction, inverted, typeBounds, valueKey } from '../bson/value-key.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject } from '../bson/view.js';
import { isOperators } from '../filter/match.js';
import { type Collection, type Index, numbered } from '../storage/collections.js';
import { idKey, longestFieldsKey, shortened } from '../storage/index-key.js';
import { after } from '../storage/store.js';

/** Fields and directions to sort by. */
export type Sort = readonly (readonly [path: string, direction: Direction])[];

/** Keys from `start` up to, not including, `end`. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** How a query finds its documents: a superset of those that match, so the filter is always tested too. */
export interface Plan {
  /** The index that is walked; undefined for the documents themselves, in the order of `_id`. */
  readonly index?: Index;
  readonly ranges: readonly KeyRange[];
  readonly reverse: boolean;
  /** Whether the documents come in the order asked for. */
  readonly sorted: boolean;
  /** Whether the ranges hold exactly what matches, so that the filter need not be tested. */
  readonly exact: boolean;
}

/** What a filter demands of one field, as far as an index can help. */
interface Demand {
  readonly equal?: View;
  readonly anyOf?: readonly View[];
  readonly above?: { readonly value: View; readonly inclusive: boolean };
  readonly below?: { readonly value: View; readonly inclusive: boolean };
}

const mostPoints = 1000;

/** Chooses the index with the most leading fields held equal, then a range on the next, then the right order. */
export function planOf(collection: Collection, filter: ViewObject, sort: Sort = []): Plan {
  const demands = demandsOf(filter);
  let best = documentsPlan(collection, filter, demands, sort);
  let bestScore = best.score;
  for (const index of collection.indexes) {
    if (index.partial && !implies(filter, index.partial.filter)) continue;
    const candidate = indexPlan(index, demands, sort);
    if (candidate.score > bestScore) {
      best = candidate;
      bestScore = candidate.score;
    }
  }
  return best.plan;
}

interface Scored {
  readonly plan: Plan;
  readonly score: number;
}

const scoreOf = { point: 100, equal: 10, range: 4, sorted: 2 };

function documentsPlan(
  collection: Collection,
  filter: ViewObject,
  demands: ReadonlyMap<string, Demand>,
  sort: Sort,
): Scored {
  const demand = demands.get('_id');
  const point = (value: View): KeyRange => {
    const key = numbered(collection.id, idKey(value));
    return { start: key, end: Buffer.concat([key, Buffer.from([0])]) };
  };
  const bySort = sortedBy([['_id', 1]], sort, new Set()) ?? { reverse: false };
  const isSorted = sort.length === 0 || (sort[0]?.[0] === '_id' && !collection.cutIds);
  if (demand?.equal !== undefined) {
    // An `_id` is unique: with it there is one document at most, in any order.
    return {
      plan: { ranges: [point(demand.equal)], reverse: false, sorted: true, exact: isOneDemand(filter) },
      score: scoreOf.point,
    };
  }
  if (demand?.anyOf) {
    const ranges = distinctRanges(demand.anyOf.map(point));
    const sorted = sort.length === 0;
    // To be exact matters here: mingo would compare each document found with each value asked for.
    return { plan: { ranges, reverse: false, sorted, exact: isOneDemand(filter) }, score: scoreOf.equal };
  }
  const bounds = demand && !collection.cutIds ? rangeKeys(demand, 1) : undefined;
  const range = bounds
    ? { start: numbered(collection.id, bounds.start), end: numbered(collection.id, bounds.end) }
    : { start: numbered(collection.id), end: numbered(collection.id + 1) };
  const score = (bounds ? scoreOf.range : 0) + (sort.length > 0 && isSorted ? scoreOf.sorted : 0);
  return { plan: { ranges: [range], reverse: bySort.reverse, sorted: isSorted, exact: false }, score };
}

/** Whether a filter asks for its `_id` only, and for one thing of it only. */
function isOneDemand(filter: ViewObject): boolean {
  const value = getOwn(filter, '_id');
  return (
    keysOf(filter).length === 1 && value !== undefined && !(isOperators(value) && keysOf(value).length > 1)
  );
}

function indexPlan(index: Index, demands: ReadonlyMap<string, Demand>, sort: Sort): Scored {
  const prefix: Buffer[] = [];
  const fixed = new Set<string>();
  let next = 0;
  for (const [path, direction] of index.fields) {
    const value = demands.get(path)?.equal;
    if (value === undefined) break;
    prefix.push(valueKey(value, direction));
    fixed.add(path);
    next++;
  }
  const field = index.fields[next];
  const head = Buffer.concat(prefix);
  const demand = field && demands.get(field[0]);
  // In an array one element may be above and another below: such an index serves one bound only.
  const usable = demand && index.multikey && demand.above ? { above: demand.above } : demand;
  const order = index.multikey || index.cut ? undefined : sortedBy(index.fields.slice(next), sort, fixed);
  const sorted = sort.length === 0 || order !== undefined;
  const reverse = order?.reverse ?? false;
  const inIndex = (start: Buffer, end: Buffer): KeyRange => ({
    start: numbered(index.id, start.subarray(0, longestFieldsKey)),
    end:
      end.length > longestFieldsKey
        ? after(numbered(index.id, end.subarray(0, longestFieldsKey)))
        : numbered(index.id, end),
  });
  const score = next * scoreOf.equal + (index.unique && field === undefined ? scoreOf.range : 0);
  const plan = (ranges: readonly KeyRange[], isSorted: boolean): Plan => ({
    index,
    ranges,
    reverse,
    sorted: isSorted,
    exact: false,
  });
  const order2 = sort.length > 0 && sorted ? scoreOf.sorted : 0;
  if (field && usable?.anyOf) {
    const points = usable.anyOf.map((value) => {
      const key = Buffer.concat([head, valueKey(value, field[1])]);
      return inIndex(key, after(key));
    });
    return { plan: plan(distinctRanges(points), sort.length === 0), score: score + scoreOf.range };
  }
  const bounds = field && usable ? rangeKeys(usable, field[1]) : undefined;
  if (bounds) {
    const range = inIndex(Buffer.concat([head, bounds.start]), Buffer.concat([head, bounds.end]));
    return { plan: plan([range], sorted), score: score + scoreOf.range + order2 };
  }
  if (next === 0) {
    const whole = { start: numbered(index.id), end: numbered(index.id + 1) };
    return { plan: plan([whole], sorted), score: order2 };
  }
  const key = field === undefined ? shortened(head, longestFieldsKey) : head;
  const range =
    field === undefined
      ? { start: numbered(index.id, key), end: after(numbered(index.id, key)) }
      : inIndex(head, after(head));
  return { plan: plan([range], sorted), score: score + order2 };
}

/** Whether walking these fields, forwards or backwards, gives the order asked for. */
function sortedBy(
  fields: Sort,
  sort: Sort,
  fixed: ReadonlySet<string>,
): { readonly reverse: boolean } | undefined {
  const wanted = sort.filter(([path]) => !fixed.has(path));
  if (wanted.length === 0) return { reverse: false };
  const reverse = wanted[0]?.[1] !== fields[0]?.[1];
  const served = wanted.every(([path, direction], i) => {
    const field = fields[i];
    return field?.[0] === path && (field[1] === direction) !== reverse;
  });
  return served ? { reverse } : undefined;
}

/** The keys between a demand's bounds, of the same type as they; of the whole type where a bound is missing. */
function rangeKeys(demand: Demand, direction: Direction): KeyRange | undefined {
  const some = demand.above ?? demand.below;
  if (some === undefined) return undefined;
  const type = typeBounds(some.value);
  if (demand.above && demand.below && !typeBounds(demand.below.value).low.equals(type.low)) return undefined;
  const above = demand.above && valueKey(demand.above.value);
  const below = demand.below && valueKey(demand.below.value);
  const start = above ? (demand.above?.inclusive ? above : after(above)) : type.low;
  const end = below ? (demand.below?.inclusive ? after(below) : below) : type.high;
  // Cut keys are compared by their beginnings only.
  const low = start.length > longestFieldsKey ? start.subarray(0, longestFieldsKey) : start;
  const high = end.length > longestFieldsKey ? after(end.subarray(0, longestFieldsKey)) : end;
  // Inverted, low <= k < high is ~high < ~k <= ~low: it begins after all that begin with ~high, and ends so with ~low.
  return direction === 1
    ? { start: low, end: high }
    : { start: after(inverted(high)), end: after(inverted(low)) };
}

function distinctRanges(ranges: readonly KeyRange[]): KeyRange[] {
  const byStart = new Map(ranges.map((range) => [range.start.toString('latin1'), range]));
  return [...byStart.values()].sort((a, b) => Buffer.compare(a.start, b.start));
}

/** What a filter demands, of its top level and of the parts of its `$and`s. */
function demandsOf(filter: ViewObject): Map<string, Demand> {
  const demands = new Map<string, Demand>();
  for (const part of partsOf(filter)) {
    for (const path of keysOf(part)) {
      if (path.startsWith('$')) continue;
      const found = demandOf(part[path] ?? null);
      demands.set(path, { ...demands.get(path), ...found });
    }
  }
  return demands;
}

function partsOf(filter: ViewObject): ViewObject[] {
  const and = getOwn(filter, '$and');
  return [filter, ...(Array.isArray(and) ? and.filter(isViewObject).flatMap(partsOf) : [])];
}

function demandOf(value: View): Demand {
  if (!isOperators(value)) return isIndexable(value) ? { equal: value } : {};
  const equal = getOwn(value, '$eq');
  if (equal !== undefined) return isIndexable(equal) ? { equal } : {};
  const anyOf = getOwn(value, '$in');
  if (Array.isArray(anyOf)) return anyOf.length <= mostPoints && anyOf.every(isIndexable) ? { anyOf } : {};
  const [gt, gte, lt, lte] = ['$gt', '$gte', '$lt', '$lte'].map((name) => getOwn(value, name));
  const above = gt ?? gte;
  const below = lt ?? lte;
  return {
    ...(above !== undefined && isOrdered(above)
      ? { above: { value: above, inclusive: gt === undefined } }
      : {}),
    ...(below !== undefined && isOrdered(below)
      ? { below: { value: below, inclusive: lt === undefined } }
      : {}),
  };
}

/** Values whose key finds all that equal them. Arrays also equal an element, objects compare without order. */
function isIndexable(value: View): boolean {
  if (value instanceof Box) {
    const type = Box.typeOf(value);
    return type !== bsonType.regex && type !== bsonType.undefined && type !== bsonType.decimal;
  }
  return !Array.isArray(value) && !isViewObject(value);
}

function isOrdered(value: View): boolean {
  return isIndexable(value) && value !== null && !(value instanceof NanBox);
}

/** Whether all that matches a filter is in a partial index: each of the index's conditions stands in the filter. */
function implies(filter: ViewObject, partial: ViewObject): boolean {
  const parts = partsOf(filter);
  return partsOf(partial).every((conditions) =>
    keysOf(conditions).every((path) => {
      if (path === '$and') return true;
      if (path.startsWith('$')) return false;
      const wanted = conditions[path] ?? null;
      return parts.some((part) => {
        const given = getOwn(part, path);
        return given !== undefined && demandImplies(given, wanted);
      });
    }),
  );
}

function demandImplies(given: View, wanted: View): boolean {
  if (same(given, wanted)) return true;
  if (!isOperators(wanted)) return false;
  const demand = demandOf(given);
  return keysOf(wanted).every((operator) => {
    const operand = wanted[operator] ?? null;
    if (isOperators(given)) {
      const stated = getOwn(given, operator);
      if (stated !== undefined && same(stated, operand)) return true;
    }
    if (operator === '$type' && operand === 'string' && typeof demand.equal === 'string') return true;
    if (operator !== '$exists' || operand === false || same(operand, 0)) return false;
    return (demand.equal ?? null) !== null || demand.above !== undefined || demand.below !== undefined;
  });
}

function same(a: View | number, b: View | number): boolean {
  return encodeDocument({ v: a }).equals(encodeDocument({ v: b }));
}
