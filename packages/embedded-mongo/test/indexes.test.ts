import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: indexes');
const running = withServer(test);

test('creates, lists and repeats', async () => {
  const { db } = running();
  assert.is((await refusal(db.collection('none').listIndexes().toArray())).code, 26);
  const made = await db.command({
    createIndexes: 'i',
    indexes: [{ key: { a: 1, b: -1 }, name: 'ab', unique: true }],
  });
  assert.equal(
    [made.numIndexesBefore, made.numIndexesAfter, made.createdCollectionAutomatically],
    [1, 2, true],
  );
  const again = await db.command({
    createIndexes: 'i',
    indexes: [{ key: { a: 1, b: -1 }, name: 'ab', unique: true }],
  });
  assert.equal([again.numIndexesAfter, again.note], [2, 'all indexes already exist']);
  await db.collection('i').createIndex({ at: 1 }, { expireAfterSeconds: 60 });
  await db.collection('i').createIndex({ c: 1 }, { partialFilterExpression: { c: { $gt: 1 } } });
  assert.equal(await db.collection('i').listIndexes().toArray(), [
    { v: 2, key: { _id: 1 }, name: '_id_' },
    { v: 2, key: { a: 1, b: -1 }, name: 'ab', unique: true },
    { v: 2, key: { at: 1 }, name: 'at_1', expireAfterSeconds: 60 },
    { v: 2, key: { c: 1 }, name: 'c_1', partialFilterExpression: { c: { $gt: 1 } } },
  ]);
});

test('what cannot be made is refused', async () => {
  const { db } = running();
  await db.collection('i').createIndex({ a: 1 }, { name: 'a' });
  const cases: [Record<string, unknown>, number][] = [
    [{ key: { a: 1 }, name: 'a', unique: true }, 86],
    [{ key: { a: 1 }, name: 'other' }, 85],
    [{ key: { b: 1 }, name: 'a' }, 86],
    [{ key: { b: 'text' }, name: 'b' }, 67],
    [{ key: { b: 1, c: 1 }, name: 'b', expireAfterSeconds: 1 }, 67],
    [{ key: { b: 1 }, name: 'b', sparse: true }, 72],
    [{ key: { b: 1 }, name: 'b', v: 2 }, 72],
    [{ key: { 'b.c': 1 }, name: 'b' }, 67],
    [{ key: { b: 1 }, name: 'b', partialFilterExpression: { b: { $near: 1 } } }, 2],
    [{ key: { b: 1 }, name: 'b', partialFilterExpression: { b: { $exists: true } } }, 67],
    [{ key: { b: 1 }, name: 'b', partialFilterExpression: { $or: [{ b: 1 }] } }, 67],
  ];
  for (const [spec, code] of cases) {
    assert.is(
      (await refusal(db.command({ createIndexes: 'i', indexes: [spec] }))).code,
      code,
      JSON.stringify(spec),
    );
  }
  assert.is((await db.collection('i').listIndexes().toArray()).length, 2);
});

test('an index is built from what is there; a violated one leaves nothing behind', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('b');
  await collection.insertMany(Array.from({ length: 700 }, (_, i) => ({ _id: i, k: i, dup: i % 699 })));
  await collection.createIndex({ k: -1 });
  assert.equal(
    (
      await collection
        .find({ k: { $gte: 698 } })
        .sort({ k: 1 })
        .toArray()
    ).map(({ _id }) => _id),
    [698, 699],
  );
  const specs = [
    { key: { fine: 1 }, name: 'fine' },
    { key: { dup: 1 }, name: 'dup', unique: true },
  ];
  assert.is((await refusal(db.command({ createIndexes: 'b', indexes: specs }))).code, 11000);
  assert.equal(
    (await collection.listIndexes().toArray()).map(({ name }) => name),
    ['_id_', 'k_-1'],
  );
  await collection.insertOne({ _id: 'free', dup: 5 });
  await collection.deleteMany({ _id: { $in: [699, 'free'] } });
  await collection.createIndex({ dup: 1 }, { unique: true });
});

test('unique and partial together', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('up');
  await collection.createIndex({ k: 1 }, { unique: true, partialFilterExpression: { live: true } });
  await collection.insertMany([
    { _id: 1, k: 1, live: true },
    { _id: 2, k: 1, live: false },
    { _id: 3, k: 1 },
  ]);
  assert.is((await refusal(collection.insertOne({ k: 1, live: true }))).code, 11000);
  assert.is((await refusal(collection.replaceOne({ _id: 2 }, { k: 1, live: true }))).code, 11000);
  assert.is((await collection.find({ k: 1 }).toArray()).length, 3);
  assert.is((await collection.find({ k: 1, live: true }).toArray()).length, 1);
  await collection.replaceOne({ _id: 1 }, { k: 1, live: false });
  await collection.replaceOne({ _id: 2 }, { k: 1, live: true });
});

test('a unique index takes a missing member for null', async () => {
  const collection = running().db.collection<Doc>('u');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertOne({ _id: 1 });
  assert.is((await refusal(collection.insertOne({ k: null }))).code, 11000);
});

test('an array in an indexed member is refused by its name, whichever comes first', async () => {
  const collection = running().db.collection<Doc>('arrays');
  await collection.createIndex({ k: 1 });
  const refused = await refusal(collection.insertOne({ _id: 1, k: [1] }));
  assert.is(refused.code, 201);
  assert.match(refused.message, "arrays, here 'k'");
  await collection.insertOne({ _id: 2, k: 1, other: [1] });
  assert.is((await refusal(collection.replaceOne({ _id: 2 }, { k: [] }))).code, 201);
  assert.is((await refusal(collection.createIndex({ other: 1 }))).code, 201);
  assert.equal(await collection.find().toArray(), [{ _id: 2, k: 1, other: [1] }]);
});

test('keys longer than the store takes stay unique, found and in order', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('long');
  await collection.createIndex({ k: 1 }, { unique: true });
  const long = (end: string) => `${'x'.repeat(3000)}${end}`;
  await collection.insertMany(['c', 'a', 'b'].map((end) => ({ _id: long(end), k: long(end) })));
  assert.is((await refusal(collection.insertOne({ k: long('a') }))).code, 11000);
  assert.is((await refusal(collection.insertOne({ _id: long('a'), k: 1 }))).code, 11000);
  assert.is((await collection.findOne({ k: long('b') }))?._id, long('b'));
  assert.is((await collection.findOne({ _id: long('b') }))?.['k'], long('b'));
  const ends = async (field: string) =>
    (
      await collection
        .find({ [field]: { $gt: long('a') } })
        .sort({ [field]: 1 })
        .toArray()
    ).map(({ k }) => String(k).at(-1));
  assert.equal(await ends('k'), ['b', 'c']);
  assert.equal(await ends('_id'), ['b', 'c']);
});
