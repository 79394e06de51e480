import { type Collection, type Db, type Filter, MongoBulkWriteError, MongoServerError, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { isDuplicateKey } from '../../src/mongo/driver-errors.js';
import { codeOf, contractSuite, type Doc, refusal } from './server.js';

const test = await contractSuite('writes');

const ids = (documents: readonly Doc[]) => documents.flatMap(({ _id }) => _id ?? []);

test('an unordered insertMany writes all but its duplicate, and names that by its index', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertOne({ _id: 2, v: 'first' });
  const batch = [1, 2, 3, 4].map((_id) => ({ _id, v: 'second' }));
  const error = await refusal(collection.insertMany(batch, { ordered: false }));
  assert.instance(error, MongoBulkWriteError);
  assert.ok(isDuplicateKey(error));
  const { writeErrors, insertedCount } = error as MongoBulkWriteError;
  assert.equal(
    [writeErrors].flat().map(({ index, code }) => ({ index, code })),
    [{ index: 1, code: 11000 }],
  );
  assert.is(insertedCount, 3);
  assert.equal(await collection.find({}, { sort: { _id: 1 } }).toArray(), [
    { _id: 1, v: 'second' },
    { _id: 2, v: 'first' },
    { _id: 3, v: 'second' },
    { _id: 4, v: 'second' },
  ]);
});

test('an unordered insertMany fails the duplicates alone: stored, within the batch, of a unique field', async ({
  db,
}) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertOne({ _id: 0, k: 'taken' });
  const batch = [
    { _id: 1, k: 'a' },
    { _id: 1, k: 'b' },
    { _id: 2, k: 'taken' },
    { _id: 3, k: 'a' },
    { _id: 4, k: 'c' },
  ];
  const error = (await refusal(collection.insertMany(batch, { ordered: false }))) as MongoBulkWriteError;
  assert.equal(
    [error.writeErrors].flat().map(({ index, code }) => [index, code]),
    [1, 2, 3].map((index) => [index, 11000]),
  );
  assert.equal(ids(await collection.find({}, { sort: { _id: 1 } }).toArray()), [0, 1, 4]);
});

test('an ordered insertMany stops at its duplicate', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertOne({ _id: 2 });
  assert.ok(isDuplicateKey(await refusal(collection.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }]))));
  assert.equal(ids(await collection.find({}, { sort: { _id: 1 } }).toArray()), [1, 2]);
});

test('200 documents of one batch, twice at the same time: each is written once', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const batch = Array.from({ length: 200 }, (_, _id) => ({ _id }));
  const sent = await Promise.allSettled([1, 2].map(() => collection.insertMany(batch, { ordered: false })));
  const inserted = sent.map((one) => {
    if (one.status === 'fulfilled') return one.value.insertedCount;
    assert.ok(isDuplicateKey(one.reason), String(one.reason));
    return (one.reason as MongoBulkWriteError).insertedCount;
  });
  assert.is((inserted[0] ?? 0) + (inserted[1] ?? 0), 200);
  assert.is((await collection.find().toArray()).length, 200);
});

type Taking = readonly (readonly [name: string, write: (c: Collection<Doc>) => Promise<unknown>])[];

const taking: Taking = [
  ['insertOne of a taken _id', (c) => c.insertOne({ _id: 1, k: 'new' })],
  ['insertOne of a taken unique field', (c) => c.insertOne({ _id: 3, k: 'one' })],
  ['insertMany of a taken unique field', (c) => c.insertMany([{ _id: 3, k: 'one' }])],
  ['bulkWrite', (c) => c.bulkWrite([{ insertOne: { document: { _id: 1 } } }], { ordered: false })],
  ['replaceOne to a taken unique field', (c) => c.replaceOne({ _id: 2 }, { k: 'one' })],
];

for (const [name, write] of taking) {
  test(`E11000 by ${name}, and nothing has changed`, async ({ db }) => {
    const error = await refusedWrite(db, write);
    assert.ok(isDuplicateKey(error), `code ${codeOf(error)}: ${error}`);
  });
}

/** The error of a write that would take what another document has. Fails when the write changed anything. */
async function refusedWrite(
  db: Db,
  write: (collection: Collection<Doc>) => Promise<unknown>,
): Promise<unknown> {
  const collection = db.collection<Doc>('unique');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.deleteMany({});
  const stored = [
    { _id: 1, k: 'one' },
    { _id: 2, k: 'two' },
  ];
  await collection.insertMany(stored);
  const error = await refusal(write(collection));
  assert.instance(error, MongoServerError);
  assert.equal(await collection.find({}, { sort: { _id: 1 } }).toArray(), stored);
  return error;
}

test('replaceOne replaces the whole document, if it matches, and tells whether', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const _id = new UUID();
  // The service reads no other count. FerretDB counts a document that was replaced by its like as modified.
  const replace = async (filter: Filter<Doc>, document: Doc) =>
    (await collection.replaceOne(filter, document)).matchedCount;
  assert.is(await replace({ _id }, { a: 1 }), 0);
  await collection.insertOne({ _id, a: 1, b: { c: 2 } });
  const unversioned = { $or: [{ revision: 1 }, { revision: { $exists: false } }] };
  assert.is(await replace({ _id, ...unversioned }, { b: { d: 3 }, revision: 2 }), 1);
  assert.equal(await collection.findOne({ _id }), { _id, b: { d: 3 }, revision: 2 });
  assert.is(await replace({ _id, ...unversioned }, { gone: true }), 0);
  assert.is(await replace({ _id, revision: 5 }, { gone: true }), 0);
  assert.is(await replace({ _id, revision: 2 }, { b: { d: 3 }, revision: 2 }), 1);
  assert.equal(await collection.findOne({ _id }), { _id, b: { d: 3 }, revision: 2 });
});

test('deleteMany removes all that match; of nothing it removes nothing', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  assert.is((await collection.deleteMany({})).deletedCount, 0);
  await collection.insertMany(Array.from({ length: 5 }, (_, _id) => ({ _id, old: _id < 4 })));
  assert.is((await collection.deleteMany({ _id: { $in: [1, 1, 7] } })).deletedCount, 1);
  assert.is((await collection.deleteMany({ old: true })).deletedCount, 3);
  assert.equal(ids(await collection.find().toArray()), [4]);
});

test('a lot is deleted in batches: the ids of the next few, then those', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const tenant = new UUID();
  await collection.createIndex({ tenant: 1, at: -1 });
  await collection.insertMany(Array.from({ length: 250 }, (_, i) => ({ _id: new UUID(), tenant, at: i })));
  await collection.insertOne({ _id: 'other', tenant: new UUID(), at: 1 });
  const sizes: number[] = [];
  for (;;) {
    const next = await collection
      .find({ tenant }, { projection: { _id: 1 }, limit: 100, sort: { at: 1 } })
      .toArray();
    if (next.length === 0) break;
    sizes.push((await collection.deleteMany({ _id: { $in: ids(next) } })).deletedCount);
  }
  assert.equal(sizes, [100, 100, 50]);
  assert.equal(ids(await collection.find().toArray()), ['other']);
});
