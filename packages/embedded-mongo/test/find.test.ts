import { suite } from '@chatsessions/test-harness';
import { Binary, type Document, Double, Long, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: find');
const running = withServer(test);

const documents: Document[] = [
  { _id: 1, n: 5, s: 'a', o: { p: 1 } },
  { _id: 2, n: 10, s: 'b', o: { p: 2 } },
  { _id: 3, n: null, s: 'a\0' },
  { _id: 4, s: 'c', d: new Date(5), l: Long.fromString('9007199254740993') },
  { _id: 5, n: 2.5, b: true, u: new UUID('00000000-0000-4000-8000-000000000001') },
  { _id: 6, n: new Double(Number.NaN), s: 7, constructor: 1 },
];

const filters: [Document, number[]][] = [
  [{}, [1, 2, 3, 4, 5, 6]],
  [{ n: 5 }, [1]],
  [{ n: { $gt: 3 } }, [1, 2]],
  [{ n: { $gte: 2.5, $lt: 10 } }, [1, 5]],
  [{ n: Number.NaN }, [6]],
  [{ n: { $gte: Number.NaN } }, [6]],
  [{ n: { $lt: Number.NaN } }, []],
  [{ n: null }, [3, 4]],
  [{ n: { $gte: null } }, [3, 4]],
  [{ n: { $lt: null } }, []],
  [{ n: { $in: [5, 10, 99] } }, [1, 2]],
  [{ n: { $in: [null, 5] } }, [1, 3, 4]],
  [{ n: { $in: [] } }, []],
  [{ n: { $exists: true } }, [1, 2, 3, 5, 6]],
  [{ n: { $exists: false } }, [4]],
  [{ s: 'a' }, [1]],
  [{ s: 'a\0' }, [3]],
  [{ s: { $gt: 'a', $lt: 'b' } }, [3]],
  [{ s: { $gte: '' } }, [1, 2, 3, 4]],
  [{ o: 1 }, []],
  [{ $or: [{ n: 5 }, { s: 'c' }] }, [1, 4]],
  [{ $or: [{ n: 5, s: 'b' }, { $or: [{ s: 'c' }] }] }, [4]],
  [{ _id: { $gte: 2 }, $or: [{ n: { $lt: 6 } }, { n: { $exists: false } }] }, [4, 5]],
  [{ n: { $not: { $gt: 3 } } }, [3, 4, 5, 6]],
  [{ n: { $not: { $gt: 3, $lt: 7 } } }, [2, 3, 4, 5, 6]],
  [{ d: { $lte: new Date(5) } }, [4]],
  [{ d: new Date(5) }, [4]],
  [{ b: true }, [5]],
  [{ b: { $gte: false } }, [5]],
  [{ l: Long.fromString('9007199254740993') }, [4]],
  [{ l: 9007199254740992 }, []],
  [{ u: new UUID('00000000-0000-4000-8000-000000000001') }, [5]],
  [{ u: new Binary(Buffer.alloc(16), 4) }, []],
  [{ constructor: 1 }, [6]],
  [{ toString: { $exists: true } }, []],
  [{ _id: { $gt: 1, $lte: 3 } }, [2, 3]],
  [{ _id: { $in: [4, 1, 1, 9] } }, [1, 4]],
  [{ _id: { $in: [4, 1, 2] }, n: { $gt: 3 } }, [1, 2]],
];

for (const indexed of [false, true]) {
  test(`filters find what they should, ${indexed ? 'with' : 'without'} indexes`, async () => {
    const { db } = running();
    const collection = db.collection<Doc>('f');
    await collection.insertMany(documents);
    if (indexed) {
      await collection.createIndexes(
        ['n', 's', 'd', 'u', 'l', 'b', 'constructor'].map((path) => ({ key: { [path]: -1 } })),
      );
    }
    for (const [filter, ids] of filters) {
      const found = await collection.find(filter).toArray();
      assert.equal(found.map(({ _id }) => Number(_id)).sort(), ids, JSON.stringify(filter));
    }
  });
}

test('sorts by type, then by value, with and without an index', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('sort');
  const values = [
    null,
    -5,
    2.5,
    10,
    '',
    'a',
    'a\0',
    'b',
    { a: 1 },
    new Binary(Buffer.from([1])),
    false,
    true,
    new Date(0),
    new Date(9),
  ];
  const shuffled = values
    .map((v, i) => ({ _id: i, v }))
    .sort((a, b) => ((a._id * 7) % 14) - ((b._id * 7) % 14));
  await collection.insertMany(shuffled);
  const order = async (direction: 1 | -1) =>
    (await collection.find().sort({ v: direction }).toArray()).map(({ _id }) => _id);
  const ascending = values.map((_, i) => i);
  assert.equal(await order(1), ascending);
  assert.equal(await order(-1), ascending.toReversed());
  await collection.createIndex({ v: 1 });
  assert.equal(await order(1), ascending);
  assert.equal(await order(-1), ascending.toReversed());
});

test('of an array each element is compared', async () => {
  const collection = running().db.collection<Doc>('arrays');
  await collection.insertMany([
    { _id: 1, t: ['x', 'y'] },
    { _id: 2, t: [] },
    { _id: 3, t: 'x' },
    { _id: 4, t: [['x'], { x: 1 }, null] },
  ]);
  const found = async (filter: Document) => (await collection.find(filter).toArray()).map(({ _id }) => _id);
  assert.equal(await found({ t: 'x' }), [1, 3]);
  assert.equal(await found({ t: { $gt: 'x' } }), [1]);
  assert.equal(await found({ t: null }), [4]);
  assert.equal(await found({ t: { $in: ['y', 'z'] } }), [1]);
});

test('compound sorts, limits and projections', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('page');
  await collection.insertMany(
    Array.from({ length: 60 }, (_, i) => ({ _id: i, a: i % 3, b: i, c: { d: i } })),
  );
  const query = () =>
    collection
      .find({ a: 1, b: { $gte: 10 } })
      .sort({ b: -1 })
      .limit(3)
      .project({ c: 1, b: 1, none: 1 })
      .toArray();
  const expected = [58, 55, 52].map((b) => ({ _id: b, b, c: { d: b } }));
  assert.equal(await query(), expected);
  await collection.createIndex({ a: 1, b: -1 });
  assert.equal(await query(), expected);
  assert.equal(await collection.find({ b: 1 }).project({ _id: 1 }).toArray(), [{ _id: 1 }]);
  assert.equal(
    (await collection.find().sort({ a: 1, b: -1 }).limit(2).toArray()).map(({ b }) => b),
    [57, 54],
  );
  assert.equal(
    (await collection.find().sort({ _id: -1, a: 1 }).limit(2).toArray()).map(({ _id }) => _id),
    [59, 58],
  );
});

test('cursors go over several batches, forwards and backwards', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('c');
  await collection.insertMany(Array.from({ length: 1050 }, (_, i) => ({ _id: i })));
  const ids = async (direction: 1 | -1, batchSize: number) =>
    (await collection.find().sort({ _id: direction }).batchSize(batchSize).toArray()).map(({ _id }) => _id);
  const all = Array.from({ length: 1050 }, (_, i) => i);
  assert.equal(await ids(1, 7), all);
  assert.equal(await ids(-1, 100), all.toReversed());
  const first = await db.command({ find: 'c' });
  assert.is(first.cursor.firstBatch.length, 101);
  const rest = await db.command({ getMore: first.cursor.id, collection: 'c' });
  assert.is(rest.cursor.nextBatch.length, 949);
  assert.equal(Number(rest.cursor.id), 0);
  assert.equal(Number((await db.command({ find: 'c', batchSize: 2, singleBatch: true })).cursor.id), 0);
  assert.equal(Number((await db.command({ find: 'c', limit: 5 })).cursor.id), 0);
});

test('answers stay below 16 MiB', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('big');
  for (let i = 0; i < 5; i++) await collection.insertOne({ _id: i, b: Buffer.alloc(5 * 1024 * 1024) });
  const first = await db.command({ find: 'big' });
  assert.is(first.cursor.firstBatch.length, 3);
  assert.is((await collection.find().toArray()).length, 5);
});

test('documents that vanish under a cursor are passed over', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('v');
  await collection.insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, k: i })));
  await collection.createIndex({ k: 1 });
  const cursor = collection
    .find({ k: { $gte: 0 } })
    .sort({ k: 1 })
    .batchSize(10);
  assert.is((await cursor.next())?.['_id'], 0);
  await collection.deleteMany({ k: { $lt: 490 } });
  const rest = await cursor.toArray();
  assert.ok(rest.length >= 10 && rest.length < 200, String(rest.length));
  assert.is(rest.at(-1)?.['_id'], 499);
  const other = collection.find().batchSize(2);
  await other.next();
  await db.dropDatabase();
  assert.ok((await other.toArray()).length <= 10);
});

test('a cursor is bound to its collection, is killed, and unknown ones are told', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('k');
  await collection.insertMany(Array.from({ length: 10 }, (_, i) => ({ _id: i })));
  const { cursor } = await db.command({ find: 'k', batchSize: 2 });
  assert.is((await refusal(db.command({ getMore: cursor.id, collection: 'other' }))).code, 13);
  const killed = await db.command({ killCursors: 'k', cursors: [cursor.id, Long.fromNumber(5)] });
  assert.equal(
    [killed.cursorsKilled, killed.cursorsNotFound].map((list) => list.map(String)),
    [[String(cursor.id)], ['5']],
  );
  assert.is((await refusal(db.command({ getMore: cursor.id, collection: 'k' }))).code, 43);
});
