import fc, { type Arbitrary } from 'fast-check';
import { Double, Int32, Long, UUID } from 'mongodb';

/** A document, a filter, an update: anything that goes over the wire. */
export type Fields = Readonly<Record<string, unknown>>;

/** One operation, as the command that the driver sends for it; the collection's name is filled in later. */
export type Operation =
  | { readonly insert: readonly Fields[]; readonly ordered: boolean }
  | { readonly update: Fields; readonly set: Fields; readonly multi: boolean; readonly upsert: boolean }
  | { readonly delete: Fields; readonly limit: 0 | 1 }
  | { readonly findAndModify: Fields; readonly options: Fields }
  | { readonly find: Fields; readonly options: FindFields }
  | { readonly createIndex: Fields };

/** What a find may have besides its filter. */
export interface FindFields {
  readonly sort: Fields;
  readonly projection: Fields;
  readonly skip: number;
  readonly limit: number;
  readonly batchSize: number;
}

const uuids = ['00000000-0000-7000-8000-000000000001', '00000000-0000-8000-8000-000000000002'];

const id = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 4 }).map((n) => new Int32(n)) },
  { weight: 2, arbitrary: fc.constantFrom(...uuids).map((text) => new UUID(text)) },
  { weight: 1, arbitrary: fc.constantFrom(new Double(1), Long.fromInt(2), '1', 'a\0', '$x') },
);
const number = fc.constantFrom<unknown>(
  new Int32(0),
  new Int32(1),
  new Int32(2),
  new Double(1),
  new Double(-0),
  new Double(1.5),
  Long.fromInt(1),
  Long.fromString('9007199254740993'),
);
const text = fc.constantFrom('a', 'b', 'ab', 'a\0b', '$set', 'a.b', '');
const date = fc.integer({ min: 0, max: 3 }).map((ms) => new Date(1_700_000_000_000 + ms));
/** What may be where `$inc` counts: no booleans. */
const scalar: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: number },
  { weight: 3, arbitrary: text },
  { weight: 1, arbitrary: date },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(...uuids).map((uuid) => new UUID(uuid)) },
);
const any = fc.oneof({ weight: 6, arbitrary: scalar }, { weight: 1, arbitrary: fc.boolean() });
const inner = fc.record({ p: scalar, q: any }, { requiredKeys: [] });
const list = fc.array(any, { maxLength: 3 });
/** What the fields of a document may be. `k` is what unique indexes are on. */
const values: Readonly<Record<string, Arbitrary<unknown>>> = {
  k: fc.oneof(text, fc.constantFrom(null, new Int32(1), new Double(1))),
  a: fc.oneof({ weight: 5, arbitrary: number }, { weight: 1, arbitrary: scalar }),
  at: date,
  o: fc.oneof({ weight: 5, arbitrary: inner }, { weight: 1, arbitrary: any }),
  l: fc.oneof({ weight: 5, arbitrary: list }, { weight: 1, arbitrary: any }),
};
const fields = fc.record(values, { requiredKeys: [] });
const stored = fc.tuple(id, fields).map(([_id, rest]): Fields => ({ _id, ...rest }));

const comparison: Arbitrary<Fields> = fc.oneof(
  fc
    .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte', '$ne', '$eq'), scalar)
    .map(([op, value]) => ({ [op]: value })),
  fc.tuple(fc.constantFrom('$in', '$nin'), list).map(([op, items]) => ({ [op]: items })),
  fc.boolean().map((exists) => ({ $exists: exists })),
  fc.constantFrom('string', 'date', 'number', 'null').map((type) => ({ $type: type })),
  fc.tuple(date, date).map(([from, to]) => ({ $gte: from, $lt: to })),
);
const condition: Arbitrary<Fields> = fc.oneof(
  fc
    .tuple(fc.constantFrom('k', 'a', 'at', 'o.p', 'l'), fc.oneof(scalar, comparison))
    .map(([path, value]) => ({ [path]: value })),
  fc.uniqueArray(id, { maxLength: 3, selector: String }).map((ids) => ({ _id: { $in: ids } })),
);
const filter: Arbitrary<Fields> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: condition },
  { weight: 2, arbitrary: fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })) },
  { weight: 1, arbitrary: fc.tuple(condition, condition).map((parts) => ({ $or: parts })) },
);
/** A filter of one document at most: which one an operation takes is not left to the server. */
const one: Arbitrary<Fields> = fc.oneof(
  { weight: 3, arbitrary: id.map((_id) => ({ _id })) },
  { weight: 1, arbitrary: fc.tuple(id, values['a'] ?? number).map(([_id, a]) => ({ _id, a })) },
  { weight: 1, arbitrary: fc.tuple(id, condition).map(([_id, more]) => ({ ...more, _id })) },
);

const direction = fc.constantFrom(new Int32(1), new Int32(-1));
/** A sort with `_id` at its end: without it, equal documents come in any order. */
const sort: Arbitrary<Fields> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('k', 'a', 'at', 'o.p'), { maxLength: 2 }),
    fc.array(direction, { minLength: 3, maxLength: 3 }),
  )
  .map(([paths, directions]) =>
    Object.fromEntries([...paths, '_id'].map((path, i) => [path, directions[i] ?? new Int32(1)])),
  );
const projection = fc.constantFrom<Fields>(
  {},
  {},
  { a: new Int32(1) },
  { o: new Int32(0), l: new Int32(0) },
  { 'o.p': new Int32(1), _id: new Int32(0) },
  { _id: new Int32(1) },
);

const some = fc.array(any, { minLength: 1, maxLength: 3 });
const push: Arbitrary<unknown> = fc.oneof(
  scalar,
  fc.record(
    {
      $each: some,
      $slice: fc.constantFrom(-2, -1, 1, 2).map((n) => new Int32(n)),
      $position: fc.integer({ min: 0, max: 2 }).map((n) => new Int32(n)),
    },
    { requiredKeys: ['$each'] },
  ),
);
/** For each operator the paths and operands that it may have. */
const operators: Readonly<Record<string, Arbitrary<Fields>>> = {
  $set: operands({ ...values, 'o.p': scalar, 'o.q': any, new: any }),
  $unset: operands(constant(['k', 'a', 'at', 'o', 'o.p', 'l'], '')),
  $inc: operands({ a: number, 'o.p': number, n: number }),
  $max: operands({ a: scalar, at: date, 'o.p': scalar }),
  $min: operands({ a: scalar, at: date, 'o.p': scalar }),
  $push: operands({ l: push }),
  $addToSet: operands({
    l: fc.oneof(
      scalar,
      some.map((items) => ({ $each: items })),
    ),
  }),
  $pull: operands({ l: scalar }),
  $setOnInsert: operands({ made: any }),
};
const modifiers = someOf(operators);
/** Changes that no document and no unique index can refuse: of several, a server may have changed some before it meets one that does. */
const harmless = someOf({
  $set: operands({ o: inner, new: any }),
  $unset: operands(constant(['o.p', 'l'], '')),
  $max: operands({ new: scalar }),
});

function constant(paths: readonly string[], value: unknown): Record<string, Arbitrary<unknown>> {
  return Object.fromEntries(paths.map((path) => [path, fc.constant(value)]));
}

function operands(byPath: Readonly<Record<string, Arbitrary<unknown>>>): Arbitrary<Fields> {
  return fc
    .uniqueArray(fc.constantFrom(...Object.keys(byPath)), { minLength: 1, maxLength: 2 })
    .chain((paths) => fc.record(Object.fromEntries(paths.map((path) => [path, byPath[path] ?? scalar]))));
}

function someOf(byOperator: Readonly<Record<string, Arbitrary<Fields>>>): Arbitrary<Fields> {
  return fc
    .uniqueArray(fc.constantFrom(...Object.keys(byOperator)), { minLength: 1, maxLength: 2 })
    .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, byOperator[name] ?? fields]))));
}

/** A document to stand in another's place that says an `_id`, perhaps not the same. */
const replacement = fc
  .tuple(fc.constantFrom(...uuids), fields)
  .map(([uuid, rest]): Fields => ({ _id: new UUID(uuid), ...rest }));

const findAndModify = fc
  .tuple(fc.oneof(one, filter), fc.oneof(modifiers, fields), fc.boolean(), sort, fc.boolean(), projection)
  .map(([query, update, isNew, by, isUpsert, shown]): Operation => {
    const upsert = isUpsert && mayInsert(query);
    return { findAndModify: query, options: { update, new: isNew, upsert, sort: by, fields: shown } };
  });

/** Upserts are by values alone, one of them `_id`: else the server would make up an `_id`, or read `$in` as it likes. */
function mayInsert(query: Fields): boolean {
  return (
    '_id' in query &&
    Object.entries(query).every(([path, value]) => !path.startsWith('$') && !isOperators(value))
  );
}

function isOperators(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).some((key) => key.startsWith('$'));
}

const update = (set: Arbitrary<Fields>): Arbitrary<Operation> =>
  fc.tuple(one, set, fc.boolean()).map(([query, by, isUpsert]) => ({
    update: query,
    set: by,
    multi: false,
    upsert: isUpsert && mayInsert(query),
  }));

const up = new Int32(1);
const down = new Int32(-1);
const index = fc.constantFrom<Fields>(
  { key: { k: up }, name: 'k_1', unique: true },
  { key: { k: up }, name: 'k_1', unique: true, partialFilterExpression: { k: { $type: 'string' } } },
  { key: { k: up }, name: 'k_some', unique: true, partialFilterExpression: { a: { $exists: true } } },
  { key: { k: up }, name: 'k_1' },
  { key: { a: up, at: down }, name: 'a_1_at_-1' },
  { key: { at: up, k: up }, name: 'at_1_k_1', unique: true },
  { key: { 'o.p': up }, name: 'o.p_1' },
  { key: { l: up }, name: 'l_1' },
);

const operation: Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ insert: fc.array(stored, { minLength: 1, maxLength: 4 }), ordered: fc.boolean() }),
  },
  { weight: 4, arbitrary: update(modifiers) },
  { weight: 2, arbitrary: update(fc.oneof(fields, replacement)) },
  {
    weight: 2,
    arbitrary: fc.record({
      update: filter,
      set: harmless,
      multi: fc.constant(true),
      upsert: fc.constant(false),
    }),
  },
  { weight: 1, arbitrary: fc.record({ delete: one, limit: fc.constant<1>(1) }) },
  { weight: 1, arbitrary: fc.record({ delete: filter, limit: fc.constant<0>(0) }) },
  { weight: 3, arbitrary: findAndModify },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.oneof(one, filter), sort)
      .map(([query, by]): Operation => ({ findAndModify: query, options: { remove: true, sort: by } })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      find: filter,
      options: fc.record({
        sort,
        projection,
        skip: fc.integer({ min: 0, max: 2 }),
        limit: fc.integer({ min: 0, max: 3 }),
        batchSize: fc.integer({ min: 1, max: 3 }),
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ createIndex: index }) },
);

/** 1 to 8 operations on one collection; differences.ts says what they leave out, and why. */
export const sequences: Arbitrary<readonly Operation[]> = fc.array(operation, { minLength: 1, maxLength: 8 });
