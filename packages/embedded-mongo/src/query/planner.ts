import { inverted } from '../bson/value-key.js';
import type { Filter, Predicate } from '../filter/filter.js';
import { type Collection, type Index, numbered } from '../storage/collections.js';
import { type Direction, type Fields, MAX_FIELDS_KEY, MAX_ID_KEY, shortened } from '../storage/index-key.js';
import { after, type KeyRange } from '../storage/store.js';
import { type Demand, demandsOf, rangeOf } from './demand.js';

/** How a query finds its documents: all that match are in the ranges, and others may be. */
export interface Plan {
  /** The index to walk; undefined for the documents themselves, in the order of `_id`. */
  readonly index?: Index;
  readonly ranges: readonly KeyRange[];
  readonly reverse: boolean;
  /** Whether the documents come in the order asked for. */
  readonly sorted: boolean;
  /** Whether the ranges hold matching documents only, so that the filter need not be tested. */
  readonly exact: boolean;
}

interface Scored {
  readonly plan: Plan;
  readonly score: number;
}

const SCORE = { point: 100, equal: 10, range: 4, sorted: 2 };

/** Chooses the index with the most leading fields held equal, then one with a range on the next, then the right order. */
export function planOf(collection: Collection, filter: Filter, sort: Fields = []): Plan {
  const demands = demandsOf(filter);
  let best = documentsPlan(collection, filter, demands.get('_id'), sort);
  for (const index of collection.indexes) {
    if (index.partial && !implies(filter, index.partial)) continue;
    const candidate = indexPlan(index, demands, sort);
    if (candidate.score > best.score) best = candidate;
  }
  return best.plan;
}

function documentsPlan(
  collection: Collection,
  filter: Filter,
  demand: Demand | undefined,
  sort: Fields,
): Scored {
  const point = (key: Buffer): KeyRange => {
    const start = numbered(collection.id, shortened(key, MAX_ID_KEY));
    return { start, end: Buffer.concat([start, Buffer.from([0])]) };
  };
  const exact = isOneDemand(filter);
  if (demand?.equal) {
    // An `_id` is unique: one document at most needs no sort.
    const plan = { ranges: [point(demand.equal)], reverse: false, sorted: true, exact };
    return { plan, score: SCORE.point };
  }
  if (demand?.anyOf) {
    const ranges = distinctRanges(demand.anyOf.map(point));
    return { plan: { ranges, reverse: false, sorted: sort.length === 0, exact }, score: SCORE.equal };
  }
  const bounds = demand && !collection.cutIds ? rangeOf(demand, 1) : undefined;
  const range = bounds
    ? { start: numbered(collection.id, bounds.start), end: numbered(collection.id, bounds.end) }
    : { start: numbered(collection.id), end: numbered(collection.id + 1) };
  const sorted = sort.length === 0 || (sort[0]?.[0] === '_id' && !collection.cutIds);
  const score = (bounds ? SCORE.range : 0) + (sort.length > 0 && sorted ? SCORE.sorted : 0);
  const reverse = sorted && sort[0]?.[1] === -1;
  return { plan: { ranges: [range], reverse, sorted, exact: false }, score };
}

/** Whether a filter has one condition only, and that is on its `_id`. */
function isOneDemand(filter: Filter): boolean {
  const [clause] = filter;
  return filter.length === 1 && clause?.kind === 'member' && clause.predicates.length === 1;
}

function indexPlan(index: Index, demands: ReadonlyMap<string, Demand>, sort: Fields): Scored {
  const equal = leadingEquals(index.fields, demands);
  const head = Buffer.concat(equal);
  const field = index.fields[equal.length];
  const demand = field && demands.get(field[0]);
  const fixed = new Set(index.fields.slice(0, equal.length).map(([name]) => name));
  const order = index.cut ? undefined : orderOf(index.fields.slice(equal.length), sort, fixed);
  const sorted = sort.length === 0 || order !== undefined;
  const reverse = order?.reverse ?? false;
  const score =
    equal.length * SCORE.equal +
    (index.unique && field === undefined ? SCORE.range : 0) +
    (sort.length > 0 && sorted ? SCORE.sorted : 0);
  const plan = (ranges: readonly KeyRange[], isSorted = sorted): Plan => ({
    index,
    ranges,
    reverse,
    sorted: isSorted,
    exact: false,
  });

  if (field && demand?.anyOf) {
    const points = demand.anyOf.map((key) => startingWith(index, [head, directed(key, field[1])]));
    return { plan: plan(distinctRanges(points), sort.length === 0), score: score + SCORE.range };
  }
  const bounds = field && demand && rangeOf(demand, field[1]);
  if (bounds) {
    const start = Buffer.concat([head, bounds.start]);
    const end = Buffer.concat([head, bounds.end]);
    return { plan: plan([rangeIn(index, start, end)]), score: score + SCORE.range };
  }
  if (equal.length === 0) {
    return { plan: plan([{ start: numbered(index.id), end: numbered(index.id + 1) }]), score };
  }
  if (field) return { plan: plan([startingWith(index, [head])]), score };
  const key = numbered(index.id, shortened(head, MAX_FIELDS_KEY));
  return { plan: plan([{ start: key, end: after(key) }]), score };
}

/** The keys of the first fields of an index, as far as a filter holds them equal. */
function leadingEquals(fields: Fields, demands: ReadonlyMap<string, Demand>): Buffer[] {
  const keys: Buffer[] = [];
  for (const [name, direction] of fields) {
    const key = demands.get(name)?.equal;
    if (key === undefined) break;
    keys.push(directed(key, direction));
  }
  return keys;
}

function directed(key: Buffer, direction: Direction): Buffer {
  return direction === 1 ? key : inverted(key);
}

/** The keys of an index that begin with these bytes. */
function startingWith(index: Index, parts: readonly Buffer[]): KeyRange {
  const key = Buffer.concat(parts);
  return rangeIn(index, key, after(key));
}

/** A range of an index. A bound that is longer than keys are stored is cut as they are. */
function rangeIn(index: Index, start: Buffer, end: Buffer): KeyRange {
  const isCut = end.length > MAX_FIELDS_KEY;
  const last = numbered(index.id, end.subarray(0, MAX_FIELDS_KEY));
  return { start: numbered(index.id, start.subarray(0, MAX_FIELDS_KEY)), end: isCut ? after(last) : last };
}

/** Whether a walk through these fields, forwards or backwards, gives the order asked for; and which of the two. */
function orderOf(
  fields: Fields,
  sort: Fields,
  fixed: ReadonlySet<string>,
): { readonly reverse: boolean } | undefined {
  const wanted = sort.filter(([name]) => !fixed.has(name));
  if (wanted.length === 0) return { reverse: false };
  const reverse = wanted[0]?.[1] !== fields[0]?.[1];
  const isServed = wanted.every(([name, direction], i) => {
    const field = fields[i];
    return field?.[0] === name && (field[1] === direction) !== reverse;
  });
  return isServed ? { reverse } : undefined;
}

function distinctRanges(ranges: readonly KeyRange[]): KeyRange[] {
  const byStart = new Map(ranges.map((range) => [range.start.toString('latin1'), range]));
  return [...byStart.values()].sort((a, b) => Buffer.compare(a.start, b.start));
}

/** Whether a partial index has all that a filter matches: each of its conditions is one of the filter's. */
function implies(filter: Filter, partial: Filter): boolean {
  return partial.every((wanted) => {
    if (wanted.kind !== 'member') return false;
    const given = filter.find((clause) => clause.kind === 'member' && clause.name === wanted.name);
    if (given?.kind !== 'member') return false;
    return wanted.predicates.every((predicate) => given.predicates.some((one) => isSame(one, predicate)));
  });
}

function isSame(a: Predicate, b: Predicate): boolean {
  return a.operator === b.operator && 'key' in a && 'key' in b && a.key.equals(b.key);
}
