import { type CommandStartedEvent, type Document, Long, MongoClient, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { codeOf, concerns, contractSuite, type Doc, refusal } from './server.js';

const test = await contractSuite('reads');

const numbers = (documents: readonly Doc[]) => documents.map(({ _id }) => Number(_id));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('a cursor over several batches gives each document once, in order', async ({ db, uri }) => {
  await watched(uri, async (client, sent) => {
    const collection = client.db(db.databaseName).collection<Doc>('c');
    await collection.insertMany(range(0, 250).map((_id) => ({ _id, text: 'x'.repeat(100) })));
    const found = await collection.find({}, { sort: { _id: 1 }, batchSize: 20 }).toArray();
    assert.equal(numbers(found), range(0, 250));
    const limited = await collection.find({}, { sort: { _id: -1 }, batchSize: 20, limit: 50 }).toArray();
    assert.equal(numbers(limited), range(200, 250).reverse());
    assert.is(sent('getMore').length, 12 + 2);
    // With no batchSize, 101 documents come first and the rest as far as they fit.
    assert.equal(numbers(await collection.find({}, { sort: { _id: 1 } }).toArray()), range(0, 250));
  });
});

test('a cursor whose documents go over one message is cut by size', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const text = 'x'.repeat(1_000_000);
  for (const _id of range(0, 36)) await collection.insertOne({ _id, text });
  const found = await collection.find({}, { sort: { _id: 1 }, batchSize: 100 }).toArray();
  assert.equal(numbers(found), range(0, 36));
});

test('a cursor closed early is killed, and can no longer be read', async ({ db, uri }) => {
  await watched(uri, async (client, sent) => {
    const name = db.databaseName;
    const collection = client.db(name).collection<Doc>('c');
    await collection.insertMany(range(0, 50).map((_id) => ({ _id })));
    const cursor = collection.find({}, { batchSize: 10 });
    assert.ok(await cursor.next());
    const id = cursor.id ?? Long.ZERO;
    assert.ok(id.notEquals(Long.ZERO));
    await cursor.close();
    assert.is(sent('killCursors').length, 1);
    assert.is(codeOf(await refusal(client.db(name).command({ getMore: id, collection: 'c' }))), 43);
  });
});

test('cursors side by side, and writes in between, do not disturb each other', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany(range(0, 60).map((_id) => ({ _id })));
  const up = collection.find({ _id: { $lt: 60 } }, { sort: { _id: 1 }, batchSize: 7 });
  const down = collection.find({ _id: { $lt: 60 } }, { sort: { _id: -1 }, batchSize: 5 });
  for (const n of range(0, 60)) {
    assert.is((await up.next())?._id, n);
    assert.is((await down.next())?._id, 59 - n);
    await collection.insertOne({ _id: 1000 + n });
  }
  assert.is(await up.next(), null);
  assert.is(await down.next(), null);
});

test('what is not there is empty: a collection, a document, a next batch', async ({ db }) => {
  assert.is(await db.collection('none').findOne({}), null);
  assert.equal(
    await db
      .collection('none')
      .find({}, { sort: { a: 1 }, limit: 3 })
      .toArray(),
    [],
  );
  assert.is((await db.collection<Doc>('none').replaceOne({ _id: 1 }, { a: 1 })).matchedCount, 0);
});

test("a customer's conversations, newest first, a page at a time, by the compound index", async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ tenantId: 1, customerId: 1, createdAt: -1 });
  const [tenantId, other] = [new UUID(), new UUID()];
  const at = (n: number) => new Date(1_700_000_000_000 + n);
  // Inserted out of order; 7 and 13 have no common divisor with 40.
  const mine = range(0, 40).map((i) => ({
    _id: (i * 7) % 40,
    tenantId,
    customerId: 'u',
    createdAt: at((i * 7) % 40),
  }));
  await collection.insertMany(mine);
  await collection.insertMany([
    { _id: 100, tenantId, customerId: 'v', createdAt: at(5) },
    { _id: 101, tenantId: other, customerId: 'u', createdAt: at(5) },
    { _id: 102, tenantId, createdAt: at(5) },
  ]);
  const filter = { tenantId, customerId: 'u' };
  const newest = await collection.find(filter, { sort: { createdAt: -1 }, limit: 5 }).toArray();
  assert.equal(numbers(newest), [39, 38, 37, 36, 35]);
  const before = newest.at(-1)?.['createdAt'];
  const next = { ...filter, createdAt: { $lt: before } };
  assert.equal(
    numbers(await collection.find(next, { sort: { createdAt: -1 }, limit: 3 }).toArray()),
    [34, 33, 32],
  );
  const oldest = await collection.find(filter, { sort: { createdAt: 1 }, limit: 2 }).toArray();
  assert.equal(numbers(oldest), [0, 1]);
  const between = { ...filter, createdAt: { $gte: at(10), $lt: at(13) } };
  assert.equal(numbers(await collection.find(between, { sort: { createdAt: -1 } }).toArray()), [12, 11, 10]);
});

test('pages of equal dates are told apart by _id', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ customerId: 1, createdAt: -1, _id: -1 });
  const createdAt = (i: number) => new Date(Math.floor(i / 4));
  await collection.insertMany(
    range(0, 20).map((_id) => ({ _id, customerId: 'u', createdAt: createdAt(_id) })),
  );
  const seen: number[] = [];
  let last: Doc | undefined;
  for (;;) {
    const filter: Document = { customerId: 'u' };
    if (last) {
      const { _id, createdAt: at } = last;
      filter['$or'] = [{ createdAt: { $lt: at } }, { createdAt: at, _id: { $lt: _id } }];
    }
    const page = await collection.find(filter, { sort: { createdAt: -1, _id: -1 }, limit: 3 }).toArray();
    if (page.length === 0) break;
    seen.push(...numbers(page));
    last = page.at(-1);
  }
  assert.equal(seen, range(0, 20).reverse());
});

const stored = [
  { _id: 1, n: 5, s: 'a', at: new Date(1000), list: ['x', 'y'], sub: { p: 1, q: { r: 1 } } },
  { _id: 2, n: 10, s: 'b', at: new Date(2000), list: [] },
  { _id: 3, n: null, s: 'a\0', at: new Date(3000) },
  { _id: 4, s: 'c' },
];

const filters: readonly (readonly [filter: Document, ids: readonly number[]])[] = [
  [{}, [1, 2, 3, 4]],
  [{ n: 5 }, [1]],
  [{ n: null }, [3, 4]],
  [{ n: { $exists: false } }, [4]],
  [{ n: { $exists: true } }, [1, 2, 3]],
  [{ n: { $in: [5, 10, 11] } }, [1, 2]],
  [{ n: { $in: [null, 10] } }, [2, 3, 4]],
  [{ n: { $gt: 5 } }, [2]],
  [{ n: { $gte: 5, $lte: 5 } }, [1]],
  [{ s: { $gt: 'a', $lt: 'b' } }, [3]],
  [{ at: { $lte: new Date(2000) } }, [1, 2]],
  [{ at: { $gt: new Date(2000) } }, [3]],
  [{ at: { $lt: 5000 } }, []],
  [{ n: { $not: { $gt: 5 } } }, [1, 3, 4]],
  [{ _id: { $in: [4, 1, 4, 9] } }, [1, 4]],
  [{ $or: [{ n: 5 }, { s: 'c' }] }, [1, 4]],
  [{ s: 'b', $or: [{ n: { $gt: 5 } }, { n: { $exists: false } }] }, [2]],
  [{ _id: { $gt: 1, $lte: 3 } }, [2, 3]],
];

for (const indexed of [false, true]) {
  test(`filters find what they name, ${indexed ? 'with' : 'without'} indexes`, async ({ db }) => {
    const collection = db.collection<Doc>('c');
    if (indexed) for (const key of ['n', 's', 'at']) await collection.createIndex({ [key]: 1 });
    await collection.insertMany(stored);
    for (const [filter, expected] of filters) {
      const found = await collection.find(filter, { sort: { _id: 1 } }).toArray();
      assert.equal(numbers(found), expected, JSON.stringify(filter));
    }
  });
}

const projections: readonly (readonly [projection: Document, expected: Document])[] = [
  [{ n: 1 }, { _id: 1, n: 5 }],
  [
    { s: 1, n: 1 },
    { _id: 1, n: 5, s: 'a' },
  ],
  [{ _id: 1 }, { _id: 1 }],
  [{ nothing: 1 }, { _id: 1 }],
];

test('projections give the members that they name', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany(stored);
  for (const [projection, expected] of projections) {
    assert.equal(await collection.findOne({ _id: 1 }, { projection }), expected, JSON.stringify(projection));
    const [first] = await collection.find({ n: 5 }, { projection }).toArray();
    assert.equal(first, expected, JSON.stringify(projection));
  }
});

test('read and write concerns of each kind that may be asked for are served', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  for (const [_id, writeConcern] of [{ w: 1 }, { w: 'majority' }, { w: 'majority', j: true }].entries()) {
    await collection.insertOne({ _id }, { writeConcern: writeConcern as { w: 'majority' } });
    for (const level of ['local', 'majority'] as const) {
      assert.equal(await collection.findOne({ _id }, { readConcern: { level } }), { _id }, level);
    }
  }
});

/** A client of its own that keeps the commands it sent. */
async function watched(
  uri: string,
  body: (client: MongoClient, sent: (name: string) => readonly CommandStartedEvent[]) => Promise<void>,
): Promise<void> {
  const client = new MongoClient(uri, { ...concerns, monitorCommands: true });
  const events: CommandStartedEvent[] = [];
  client.on('commandStarted', (event) => events.push(event));
  try {
    await body(client, (name) => events.filter(({ commandName }) => commandName === name));
  } finally {
    await client.close();
  }
}
