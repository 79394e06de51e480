import { suite } from '@chatsessions/test-harness';
import { serialize } from 'bson';
import * as assert from 'uvu/assert';
import { decodeDocument } from '../src/bson/decode.js';
import { encodeDocument } from '../src/bson/encode.js';
import { inverted, valueKey } from '../src/bson/value-key.js';
import { parseFilter } from '../src/filter/filter.js';
import { planOf } from '../src/query/planner.js';
import { sortOf } from '../src/query/sorter.js';
import { type Collection, indexOf } from '../src/storage/collections.js';

const test = suite('embedded: planner');

const specs = [
  { name: 'slug', key: { slug: 1 }, unique: true },
  { name: 'tenant', key: { tenant: 1 } },
  { name: 'tca', key: { tenant: 1, customer: 1, at: -1 } },
  { name: 'live', key: { n: 1 }, partialFilterExpression: { live: true, n: { $gt: 1 } } },
];
const collection: Collection = {
  id: 1,
  db: 'd',
  name: 'c',
  cutIds: false,
  indexes: specs.map((spec, i) => indexOf(i + 2, encodeDocument({ v: 2, ...spec }))),
};

const plan = (filter: object, sort: object = {}) =>
  planOf(collection, parseFilter(decodeDocument(serialize(filter))), sortOf(decodeDocument(serialize(sort))));

const rows: [filter: object, sort: object, index: string | undefined, sorted: boolean, reverse: boolean][] = [
  [{}, {}, undefined, true, false],
  [{}, { _id: -1 }, undefined, true, true],
  [{ other: 1 }, {}, undefined, true, false],
  [{ slug: 'a' }, {}, 'slug', true, false],
  [{ slug: { $in: ['a', 'b'] } }, {}, 'slug', true, false],
  [{ tenant: 1 }, { at: 1 }, 'tenant', false, false],
  [{ tenant: 1, customer: 2 }, {}, 'tca', true, false],
  [{ tenant: 1, customer: 2 }, { at: -1 }, 'tca', true, false],
  [{ tenant: 1, customer: 2 }, { at: 1 }, 'tca', true, true],
  [{ tenant: 1, customer: { $gt: 2 } }, { customer: 1 }, 'tca', true, false],
  [{ tenant: 1, customer: 2, at: { $lt: 5 } }, { at: -1 }, 'tca', true, false],
  [{ $or: [{ tenant: 1 }] }, {}, undefined, true, false],
  [{ n: 5 }, {}, undefined, true, false],
  [{ n: 5, live: true }, {}, undefined, true, false],
  [{ n: { $gt: 1 }, live: true }, {}, 'live', true, false],
  [{ n: { $gt: 1, $lt: 9 }, live: true }, { n: -1 }, 'live', true, true],
  [{ n: { $gt: 2 }, live: true }, {}, undefined, true, false],
  [{ n: { $not: { $gt: 1 } }, live: true }, {}, undefined, true, false],
  [{}, { slug: -1 }, 'slug', true, true],
  [{ _id: 5, slug: 'a' }, { at: 1 }, undefined, true, false],
];

for (const [filter, sort, index, sorted, reverse] of rows) {
  test(`${JSON.stringify(filter)} sort ${JSON.stringify(sort)} walks ${index ?? 'the documents'}`, () => {
    const found = plan(filter, sort);
    assert.equal([found.index?.name, found.sorted, found.reverse], [index, sorted, reverse]);
  });
}

test('an _id alone needs no filter', () => {
  assert.is(plan({ _id: 'x' }).exact, true);
  assert.is(plan({ _id: 'x', y: 1 }).exact, false);
  assert.is(plan({ _id: { $gt: 'x' } }).exact, false);
  assert.is(plan({ _id: { $in: ['x', 'y'] } }).exact, true);
  assert.is(plan({ _id: { $in: ['x', 'y'], $gt: 'x' } }).exact, false);
  assert.is(plan({ _id: { $in: ['x', 'y'] }, y: 1 }).exact, false);
});

test('a range on a descending field covers its values and no others', () => {
  const at = (value: number) => {
    const key = (v: unknown) => valueKey(decodeDocument(serialize({ v })).get('v') ?? null);
    return Buffer.concat([
      Buffer.from([0, 0, 0, 4]),
      key(1),
      key(2),
      inverted(key(value)),
      Buffer.from([1, 2]),
    ]);
  };
  const covers = (filter: object, value: number) =>
    plan({ tenant: 1, customer: 2, at: filter }).ranges.some(
      ({ start, end }) => Buffer.compare(start, at(value)) <= 0 && Buffer.compare(at(value), end) < 0,
    );
  const values = [4, 5, 6, 7, 8];
  const covered = (filter: object) => values.filter((value) => covers(filter, value));
  assert.equal(covered({ $gt: 5, $lt: 8 }), [6, 7]);
  assert.equal(covered({ $gte: 5, $lte: 8 }), [5, 6, 7, 8]);
  assert.equal(covered({ $lt: 6 }), [4, 5]);
  assert.equal(covered({ $gt: 6 }), [7, 8]);
});
