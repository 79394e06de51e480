import fc, { type Arbitrary } from 'fast-check';
import { Double, Int32, Long, UUID } from 'mongodb';

/** A document or a filter: anything that goes over the wire. */
export type Fields = Readonly<Record<string, unknown>>;

/** One operation, as the command that the driver sends for it; the collection's name is filled in later. */
export type Operation =
  | { readonly insert: readonly Fields[]; readonly ordered: boolean }
  | { readonly update: Fields; readonly by: Fields }
  | { readonly delete: Fields }
  | { readonly find: Fields; readonly options: FindFields }
  | { readonly createIndex: Fields };

/** The options of a find. */
export interface FindFields {
  readonly sort: Fields;
  readonly projection: Fields;
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
/** The members of a document and their values. Unique indexes are on `k`. */
const values: Readonly<Record<string, Arbitrary<unknown>>> = {
  k: fc.oneof(text, fc.constantFrom(null, new Int32(1), new Double(1))),
  a: fc.oneof({ weight: 5, arbitrary: number }, { weight: 1, arbitrary: scalar }),
  at: date,
  o: fc.oneof({ weight: 5, arbitrary: inner }, { weight: 1, arbitrary: any }),
  l: fc.oneof({ weight: 5, arbitrary: list }, { weight: 1, arbitrary: any }),
};
const fields = fc.record(values, { requiredKeys: [] });
const stored = fc.tuple(id, fields).map(([_id, rest]): Fields => ({ _id, ...rest }));

const range: Arbitrary<Fields> = fc
  .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), scalar)
  .map(([op, value]) => ({ [op]: value }));
const comparison: Arbitrary<Fields> = fc.oneof(
  range,
  range.map((inner) => ({ $not: inner })),
  fc.array(any, { maxLength: 3 }).map((items) => ({ $in: items })),
  fc.boolean().map((exists) => ({ $exists: exists })),
  fc.tuple(date, date).map(([from, to]) => ({ $gte: from, $lt: to })),
);
const condition: Arbitrary<Fields> = fc.oneof(
  fc
    .tuple(fc.constantFrom('k', 'a', 'at', 'l'), fc.oneof(scalar, comparison))
    .map(([name, value]) => ({ [name]: value })),
  fc.uniqueArray(id, { maxLength: 3, selector: String }).map((ids) => ({ _id: { $in: ids } })),
);
const filter: Arbitrary<Fields> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: condition },
  { weight: 2, arbitrary: fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })) },
  { weight: 1, arbitrary: fc.tuple(condition, condition).map((parts) => ({ $or: parts })) },
  {
    weight: 1,
    arbitrary: fc.tuple(condition, condition, condition).map(([a, ...parts]) => ({ ...a, $or: parts })),
  },
);
/** The filter of a compare-and-set: an `_id`, and more that must hold. */
const one: Arbitrary<Fields> = fc.oneof(
  { weight: 3, arbitrary: id.map((_id) => ({ _id })) },
  { weight: 1, arbitrary: fc.tuple(id, values['a'] ?? number).map(([_id, a]) => ({ _id, a })) },
  { weight: 2, arbitrary: fc.tuple(id, condition).map(([_id, more]) => ({ ...more, _id })) },
);

const direction = fc.constantFrom(new Int32(1), new Int32(-1));
/** A sort that ends with `_id`: without it, equal documents come in any order. */
const sort: Arbitrary<Fields> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('k', 'a', 'at'), { maxLength: 2 }),
    fc.array(direction, { minLength: 3, maxLength: 3 }),
  )
  .map(([paths, directions]) =>
    Object.fromEntries([...paths, '_id'].map((path, i) => [path, directions[i] ?? new Int32(1)])),
  );
const projection = fc.constantFrom<Fields>(
  {},
  {},
  { a: new Int32(1) },
  { o: new Int32(1), l: new Int32(1), none: new Int32(1) },
  { _id: new Int32(1) },
);

/** A replacement that names an `_id`, perhaps another one. */
const replacement = fc
  .tuple(fc.constantFrom(...uuids), fields)
  .map(([uuid, rest]): Fields => ({ _id: new UUID(uuid), ...rest }));

const up = new Int32(1);
const down = new Int32(-1);
const index = fc.constantFrom<Fields>(
  { key: { k: up }, name: 'k_1', unique: true },
  { key: { k: up }, name: 'k_1', unique: true, partialFilterExpression: { k: { $gte: '' } } },
  { key: { k: up }, name: 'k_some', unique: true, partialFilterExpression: { a: { $gt: up } } },
  { key: { k: up }, name: 'k_1' },
  { key: { a: up, at: down }, name: 'a_1_at_-1' },
  { key: { at: up, k: up }, name: 'at_1_k_1', unique: true },
  { key: { at: up, a: down }, name: 'changed', partialFilterExpression: { a: { $gt: up } } },
);

const operation: Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ insert: fc.array(stored, { minLength: 1, maxLength: 4 }), ordered: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ update: one, by: fc.oneof(fields, replacement) }) },
  { weight: 1, arbitrary: fc.record({ delete: one }) },
  { weight: 1, arbitrary: fc.record({ delete: filter }) },
  {
    weight: 4,
    arbitrary: fc.record({
      find: filter,
      options: fc.record({
        sort,
        projection,
        limit: fc.integer({ min: 0, max: 3 }),
        batchSize: fc.integer({ min: 1, max: 3 }),
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ createIndex: index }) },
);

/** Sequences of 1 to 8 operations on one collection. differences.ts lists what they leave out, and why. */
export const sequences: Arbitrary<readonly Operation[]> = fc.array(operation, { minLength: 1, maxLength: 8 });
