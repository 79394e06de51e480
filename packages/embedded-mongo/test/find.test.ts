import { suite } from '@chatsessions/test-harness';
import { Binary, type Document, Long, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: find');
const running = withServer(test);

const documents: Document[] = [
  { _id: 1, n: 5, s: 'a', t: ['x', 'y'], o: { p: 1 } },
  { _id: 2, n: 10, s: 'b', t: [], o: { p: 2 } },
  { _id: 3, n: null, s: 'a\0', t: 'x' },
  { _id: 4, s: 'c', d: new Date(5), l: Long.fromString('9007199254740993') },
  {
    _id: 5,
    n: 2.5,
    u: new UUID('00000000-0000-4000-8000-000000000001'),
    items: [
      { k: 1, v: 2 },
      { k: 2, v: 1 },
    ],
  },
];

const filters: [Document, number[]][] = [
  [{}, [1, 2, 3, 4, 5]],
  [{ n: 5 }, [1]],
  [{ n: { $gt: 3 } }, [1, 2]],
  [{ n: { $gte: 2.5, $lt: 10 } }, [1, 5]],
  [{ n: null }, [3, 4]],
  [{ n: { $ne: null } }, [1, 2, 5]],
  [{ n: { $in: [5, 10, 99] } }, [1, 2]],
  [{ n: { $nin: [5, null] } }, [2, 5]],
  [{ n: { $exists: true } }, [1, 2, 3, 5]],
  [{ n: { $exists: false } }, [4]],
  [{ n: { $type: 'double' } }, [5]],
  [{ n: { $type: ['int', 'null'] } }, [1, 2, 3]],
  [{ s: 'a' }, [1]],
  [{ s: 'a\0' }, [3]],
  [{ s: { $gt: 'a', $lt: 'b' } }, [3]],
  [{ s: /^[ab]$/ }, [1, 2]],
  [{ s: { $regex: '^A', $options: 'i' } }, [1, 3]],
  [{ t: 'x' }, [1, 3]],
  [{ t: { $gte: 'x' } }, [1, 3]],
  [{ t: { $gt: 'x', $lt: 'y' } }, [1]],
  [{ t: { $size: 0 } }, [2]],
  [{ t: { $all: ['x', 'y'] } }, [1]],
  [{ 'o.p': { $gt: 1 } }, [2]],
  [{ o: { p: 1 } }, [1]],
  [{ items: { $elemMatch: { k: 1, v: 2 } } }, [5]],
  [{ items: { $elemMatch: { k: 1, v: 1 } } }, []],
  [{ 'items.k': 2 }, [5]],
  [{ $or: [{ n: 5 }, { s: 'c' }] }, [1, 4]],
  [{ $nor: [{ n: 5 }, { s: 'c' }] }, [2, 3, 5]],
  [{ $and: [{ n: { $gt: 1 } }, { n: { $lt: 6 } }] }, [1, 5]],
  [{ n: { $not: { $gt: 3 } } }, [3, 4, 5]],
  [{ n: { $mod: [5, 0] } }, [1, 2]],
  [{ d: { $lte: new Date(5) } }, [4]],
  [{ l: Long.fromString('9007199254740993') }, [4]],
  [{ l: 9007199254740992 }, []],
  [{ u: new UUID('00000000-0000-4000-8000-000000000001') }, [5]],
  [{ u: new Binary(Buffer.alloc(16), 4) }, []],
  [{ _id: { $gt: 1, $lte: 3 } }, [2, 3]],
  [{ _id: { $in: [4, 1, 1, 9] } }, [1, 4]],
];

for (const indexed of [false, true]) {
  test(`filters find what they should, ${indexed ? 'with' : 'without'} indexes`, async () => {
    const { db } = running();
    const collection = db.collection<Doc>('f');
    await collection.insertMany(documents);
    if (indexed) {
      await collection.createIndexes(
        ['n', 's', 't', 'o.p', 'items.k', 'd', 'u', 'l'].map((path) => ({ key: { [path]: -1 } })),
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

test('compound sorts, skips, limits and projections', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('page');
  await collection.insertMany(
    Array.from({ length: 60 }, (_, i) => ({ _id: i, a: i % 3, b: i, c: { d: i, e: 1 }, f: 1 })),
  );
  const query = () =>
    collection
      .find({ a: 1, b: { $gte: 10 } })
      .sort({ b: -1 })
      .skip(2)
      .limit(3)
      .project({ b: 1, 'c.d': 1, _id: 0 })
      .toArray();
  const expected = [52, 49, 46].map((b) => ({ b, c: { d: b } }));
  assert.equal(await query(), expected);
  await collection.createIndex({ a: 1, b: -1 });
  assert.equal(await query(), expected);
  assert.equal(await collection.find({ b: 1 }).project({ 'c.e': 0, f: 0 }).toArray(), [
    { _id: 1, a: 1, b: 1, c: { d: 1 } },
  ]);
  assert.equal(
    (await collection.find().sort({ a: 1, b: -1 }).limit(2).toArray()).map(({ b }) => b),
    [57, 54],
  );
  assert.is(
    (
      await refusal(
        collection
          .find()
          .project({ a: { $slice: 1 } })
          .toArray(),
      )
    ).code,
    2,
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

test(
  'a time limit is kept',
  async () => {
    const { db } = running();
    const collection = db.collection<Doc>('slow');
    await collection.insertMany(Array.from({ length: 5000 }, (_, i) => ({ _id: i, t: 'x'.repeat(200) })));
    const { code } = await refusal(
      collection
        .find({ t: /^x{150}x*x*y/ }, { maxTimeMS: 1 })
        .limit(1)
        .toArray(),
    );
    assert.is(code, 50);
  },
  { timeoutMs: 20_000 },
);
