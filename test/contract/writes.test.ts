import { type Collection, type Db, MongoBulkWriteError, MongoServerError, UUID } from 'mongodb';
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
  ['updateOne to a taken unique field', (c) => c.updateOne({ _id: 2 }, { $set: { k: 'one' } })],
  ['updateOne with upsert', (c) => c.updateOne({ _id: 3 }, { $set: { k: 'one' } }, { upsert: true })],
  ['replaceOne to a taken unique field', (c) => c.replaceOne({ _id: 2 }, { k: 'one' })],
  ['replaceOne with upsert', (c) => c.replaceOne({ _id: 3 }, { k: 'one' }, { upsert: true })],
];

const takingByFindAndModify: Taking = [
  ['findOneAndUpdate to a taken unique field', (c) => c.findOneAndUpdate({ _id: 2 }, { $set: { k: 'one' } })],
  [
    'findOneAndUpdate with upsert',
    (c) => c.findOneAndUpdate({ _id: 3 }, { $set: { k: 'one' } }, { upsert: true }),
  ],
  ['findOneAndReplace to a taken unique field', (c) => c.findOneAndReplace({ _id: 2 }, { k: 'one' })],
  [
    'findOneAndUpdate with upsert of a taken _id',
    (c) => c.findOneAndUpdate({ _id: 1, v: 9 }, { $set: { v: 9 } }, { upsert: true }),
  ],
];

for (const [name, write] of taking) {
  test(`E11000 by ${name}, and nothing has changed`, async ({ db }) => {
    const error = await refusedWrite(db, write);
    assert.ok(isDuplicateKey(error), `code ${codeOf(error)}: ${error}`);
  });
}

for (const [name, write] of takingByFindAndModify) {
  test(`${name} is refused, and nothing has changed`, async ({ db }) => {
    await refusedWrite(db, write);
  });
}

test('E11000 by findAndModify, in each form', async ({ db }) => {
  for (const [name, write] of takingByFindAndModify) {
    const error = await refusedWrite(db, write);
    assert.ok(isDuplicateKey(error), `${name}: code ${codeOf(error)}: ${error}`);
  }
});

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

test('replaceOne with upsert inserts, replaces whole, and tells which', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const _id = new UUID();
  const first = await collection.replaceOne({ _id }, { a: 1, b: { c: 2 } }, { upsert: true });
  assert.equal(
    [first.matchedCount, first.upsertedCount, first.upsertedId?.toString()],
    [0, 1, _id.toString()],
  );
  const second = await collection.replaceOne({ _id }, { b: { d: 3 } }, { upsert: true });
  assert.equal([second.matchedCount, second.modifiedCount, second.upsertedCount], [1, 1, 0]);
  assert.equal(await collection.findOne({ _id }, { projection: { _id: 0 } }), { b: { d: 3 } });
  const missing = await collection.replaceOne({ _id, revision: 5 }, { gone: true });
  assert.equal([missing.matchedCount, missing.modifiedCount], [0, 0]);
});

test('$set and $unset change the sub-paths that they name, and no other', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const iat = new Date(1_700_000_000_000);
  await collection.insertOne({
    _id: 1,
    session: { jti: 'j', iat, exp: iat },
    idempotency: { requestHash: 'h' },
    variables: { exp: 1 },
  });
  const exp = new Date(1_700_000_000_001);
  const update: object = {
    $set: { 'session.exp': exp, endedAt: exp, 'added.deep': 1 },
    $unset: { idempotency: '' },
  };
  const { matchedCount, modifiedCount } = await collection.updateOne({ _id: 1 }, update);
  assert.equal([matchedCount, modifiedCount], [1, 1]);
  const expected = {
    _id: 1,
    session: { jti: 'j', iat, exp },
    variables: { exp: 1 },
    endedAt: exp,
    added: { deep: 1 },
  };
  assert.equal(await collection.findOne({ _id: 1 }), expected);
  const again = await collection.updateOne({ _id: 1 }, update);
  assert.equal([again.matchedCount, again.modifiedCount], [1, 0]);
  await collection.updateOne(
    { _id: 1 },
    { $unset: { 'session.nothing': '', 'not.there': '', 'added.deep': '' } },
  );
  assert.equal(await collection.findOne({ _id: 1 }), { ...expected, added: {} });
});

test('$inc, $min, $max, $setOnInsert, and $push that keeps the last few', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  for (const n of [5, 3, 9]) {
    const changes: object = {
      $inc: { count: 1 },
      $min: { least: n },
      $max: { most: n },
      $setOnInsert: { first: n },
      $push: { last: { $each: [n], $slice: -2 } },
    };
    await collection.updateOne({ _id: 1 }, changes, { upsert: true });
  }
  const expected = { _id: 1, count: 3, least: 3, most: 9, first: 5, last: [3, 9] };
  assert.equal(await collection.findOne({ _id: 1 }), expected);
});

test('updateMany changes all that match, and no other', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany([1, 2, 3, 4].map((_id) => ({ _id, even: _id % 2 === 0 })));
  const { matchedCount, modifiedCount } = await collection.updateMany(
    { even: true },
    { $set: { seen: true } },
  );
  assert.equal([matchedCount, modifiedCount], [2, 2]);
  assert.equal(ids(await collection.find({ seen: true }, { sort: { _id: 1 } }).toArray()), [2, 4]);
});

test('deleteOne removes one, deleteMany what is left; of nothing they remove nothing', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  assert.is((await collection.deleteOne({})).deletedCount, 0);
  assert.is((await collection.deleteMany({})).deletedCount, 0);
  await collection.insertMany(Array.from({ length: 5 }, (_, _id) => ({ _id, old: _id < 4 })));
  assert.is((await collection.deleteOne({ old: true })).deletedCount, 1);
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

test('findOneAndUpdate answers before or after, by its sort, and null for nothing', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany([1, 2, 3].map((_id) => ({ _id, n: 10 - _id })));
  const change = { $set: { seen: true } };
  assert.equal(await collection.findOneAndUpdate({}, change, { sort: { n: 1 } }), { _id: 3, n: 7 });
  const after = { returnDocument: 'after', projection: { seen: 1 } } as const;
  assert.equal(await collection.findOneAndUpdate({ _id: 1 }, change, after), { _id: 1, seen: true });
  assert.is(await collection.findOneAndUpdate({ _id: 9 }, change), null);
  assert.equal(await collection.findOneAndDelete({ _id: 2 }), { _id: 2, n: 8 });
  assert.is(await collection.findOneAndDelete({ _id: 2 }), null);
});
