import { suite } from '@chatsessions/test-harness';
import { type Document, Double, Int32, Long, ObjectId } from 'mongodb';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: updates');
const running = withServer(test);

interface Row {
  readonly name: string;
  readonly before: Document;
  readonly update: Document;
  readonly after: Document;
  readonly filter?: Document;
  readonly arrayFilters?: Document[];
}

const rows: Row[] = [
  {
    name: '$set',
    before: { a: 1 },
    update: { $set: { b: 2, 'c.d': 3 } },
    after: { a: 1, b: 2, c: { d: 3 } },
  },
  { name: '$set in an array', before: { a: [1, 2] }, update: { $set: { 'a.1': 9 } }, after: { a: [1, 9] } },
  {
    name: '$set beyond the end',
    before: { a: [1] },
    update: { $set: { 'a.2': 9 } },
    after: { a: [1, null, 9] },
  },
  {
    name: '$unset',
    before: { a: 1, b: { c: 1, d: 2 } },
    update: { $unset: { a: '', 'b.c': '' } },
    after: { b: { d: 2 } },
  },
  { name: '$inc', before: { a: 1 }, update: { $inc: { a: 2, b: -1 } }, after: { a: 3, b: -1 } },
  { name: '$mul', before: { a: 3 }, update: { $mul: { a: 2, b: 5 } }, after: { a: 6, b: 0 } },
  {
    name: '$min, $max',
    before: { a: 3, b: 3 },
    update: { $min: { a: 2, c: 1 }, $max: { b: 2, d: 1 } },
    after: { a: 2, b: 3, c: 1, d: 1 },
  },
  { name: '$push', before: { a: [1] }, update: { $push: { a: 2, b: 1 } }, after: { a: [1, 2], b: [1] } },
  { name: '$push an array', before: { a: [1] }, update: { $push: { a: [2, 3] } }, after: { a: [1, [2, 3]] } },
  {
    name: '$push $each $slice',
    before: { a: [1, 2] },
    update: { $push: { a: { $each: [3, 4], $slice: -3 } } },
    after: { a: [2, 3, 4] },
  },
  {
    name: '$push $position',
    before: { a: [1, 2] },
    update: { $push: { a: { $each: [9], $position: 0 } } },
    after: { a: [9, 1, 2] },
  },
  {
    name: '$push $sort',
    before: { a: [{ v: 2 }] },
    update: { $push: { a: { $each: [{ v: 3 }, { v: 1 }], $sort: { v: -1 } } } },
    after: { a: [{ v: 3 }, { v: 2 }, { v: 1 }] },
  },
  {
    name: '$push $sort and $slice, no array yet',
    before: {},
    update: { $push: { a: { $each: [3, 1, 2], $sort: 1, $slice: 2 } } },
    after: { a: [1, 2] },
  },
  { name: '$pull a value', before: { a: [1, 2, 1] }, update: { $pull: { a: 1 } }, after: { a: [2] } },
  {
    name: '$pull a condition',
    before: { a: [{ v: 1 }, { v: 5 }] },
    update: { $pull: { a: { v: { $gte: 3 } } } },
    after: { a: [{ v: 1 }] },
  },
  {
    name: '$pull $in',
    before: { a: [1, 2, 3] },
    update: { $pull: { a: { $in: [1, 3] } } },
    after: { a: [2] },
  },
  { name: '$pullAll', before: { a: [1, 2, 3] }, update: { $pullAll: { a: [1, 3] } }, after: { a: [2] } },
  {
    name: '$addToSet',
    before: { a: [1, 1] },
    update: { $addToSet: { a: { $each: [1, 2, 2] }, b: 'x' } },
    after: { a: [1, 1, 2], b: ['x'] },
  },
  {
    name: '$pop',
    before: { a: [1, 2, 3], b: [1, 2] },
    update: { $pop: { a: 1, b: -1 } },
    after: { a: [1, 2], b: [2] },
  },
  { name: '$rename', before: { a: 1 }, update: { $rename: { a: 'b' } }, after: { b: 1 } },
  {
    name: '$setOnInsert on an old one',
    before: { a: 1 },
    update: { $setOnInsert: { a: 2 } },
    after: { a: 1 },
  },
  {
    name: '$',
    before: { a: [{ k: 1 }, { k: 2 }] },
    update: { $set: { 'a.$.v': 9 } },
    filter: { 'a.k': 2 },
    after: { a: [{ k: 1 }, { k: 2, v: 9 }] },
  },
  {
    name: '$[]',
    before: { a: [{ k: 1 }, { k: 2 }] },
    update: { $set: { 'a.$[].v': 9 } },
    after: {
      a: [
        { k: 1, v: 9 },
        { k: 2, v: 9 },
      ],
    },
  },
  {
    name: 'arrayFilters',
    before: { a: [{ k: 1 }, { k: 2 }] },
    update: { $set: { 'a.$[e].v': 9 } },
    arrayFilters: [{ 'e.k': 2 }],
    after: { a: [{ k: 1 }, { k: 2, v: 9 }] },
  },
  { name: 'replacement', before: { a: 1 }, update: { z: { y: 1 } }, after: { z: { y: 1 } } },
  { name: '_id set to itself', before: { a: 1 }, update: { $set: { _id: 1, a: 2 } }, after: { a: 2 } },
];

for (const { name, before, update, after, filter = {}, arrayFilters } of rows) {
  test(name, async () => {
    const { db } = running();
    await db.collection<Doc>('u').insertOne({ _id: 1, ...before });
    const statement = { q: { _id: 1, ...filter }, u: update, ...(arrayFilters ? { arrayFilters } : {}) };
    const answer = await db.command({ update: 'u', updates: [statement] });
    assert.is(answer.writeErrors, undefined, JSON.stringify(answer.writeErrors));
    assert.equal(await db.collection<Doc>('u').findOne({ _id: 1 }), { _id: 1, ...after });
    assert.is(answer.nModified, JSON.stringify(before) === JSON.stringify(after) ? 0 : 1);
  });
}

const refused: { readonly update: Document; readonly code: number; readonly before?: Document }[] = [
  { update: { $set: { _id: 2 } }, code: 66 },
  { update: { $unset: { _id: '' } }, code: 66 },
  { update: { _id: 2, a: 1 }, code: 66 },
  { update: { $bit: { a: { and: 1 } } }, code: 9 },
  { update: { $set: { 'a.b': 1 } }, code: 28 },
  { update: { $push: { a: 1 } }, code: 2 },
  { update: { $inc: { s: 1 } }, code: 14 },
  { update: { $inc: { a: 'x' } }, code: 14 },
  { update: { $set: { a: 1 }, $inc: { a: 1 } }, code: 40 },
  { update: { $set: { b: 1, 'b.c': 1 } }, code: 40 },
  { update: { $set: { 'a..b': 1 } }, code: 56 },
  { update: { $push: { l: { $each: [1], $other: 1 } } }, code: 2 },
];

for (const { update, code } of refused) {
  test(`refused: ${JSON.stringify(update)}`, async () => {
    const { db } = running();
    await db.collection<Doc>('u').insertOne({ _id: 1, a: 1, s: 'x' });
    const answer = await db.command({ update: 'u', updates: [{ q: { _id: 1 }, u: update }] });
    assert.is(answer.writeErrors?.[0].code, code, JSON.stringify(answer));
    assert.equal(await db.collection<Doc>('u').findOne({}), { _id: 1, a: 1, s: 'x' });
  });
}

test('types of numbers: kept, assigned and widened', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('n', { promoteValues: false });
  await collection.insertOne({
    _id: 1,
    i: new Int32(5),
    d: new Double(5),
    l: Long.fromNumber(5),
    big: new Int32(2 ** 31 - 1),
  });
  await db.command({
    update: 'n',
    updates: [
      {
        q: { _id: 1 },
        u: {
          $inc: { i: 1, d: 1, l: 1, big: 1 },
          $set: { five: new Double(5), id: new ObjectId('0'.repeat(24)) },
        },
      },
    ],
  });
  await collection.updateOne({ _id: 1 }, { $set: { five: Long.fromNumber(5) } });
  const { _id, ...found }: Doc = (await collection.findOne({})) ?? {};
  const types = Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, (value as Document)['_bsontype']]),
  );
  assert.equal(types, { i: 'Int32', d: 'Double', l: 'Long', big: 'Long', five: 'Long', id: 'ObjectId' });
  assert.is(String(found['big']), '2147483648');
});

test('many, none and no change are counted', async () => {
  const { db } = running();
  const collection = db.collection('m');
  await collection.insertMany([{ x: 1 }, { x: 1 }, { x: 2 }]);
  const many = await collection.updateMany({ x: 1 }, { $set: { x: 2 } });
  assert.equal([many.matchedCount, many.modifiedCount], [2, 2]);
  const same = await collection.updateMany({}, { $set: { x: 2 } });
  assert.equal([same.matchedCount, same.modifiedCount], [3, 0]);
  assert.is((await collection.updateOne({ x: 7 }, { $set: { x: 1 } })).matchedCount, 0);
  assert.is(
    (
      await refusal(
        db
          .command({ update: 'm', updates: [{ q: {}, u: { a: 1 }, multi: true }] })
          .then((a) => Promise.reject(a.writeErrors[0])),
      )
    ).code,
    9,
  );
});

test('upserts take the filter, the operators and the _id', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('up');
  const made = await collection.updateOne(
    { slug: 'a', n: { $gt: 5 } },
    { $set: { x: 1 }, $setOnInsert: { y: 2 } },
    { upsert: true },
  );
  assert.equal(await collection.findOne({ slug: 'a' }), { _id: made.upsertedId, slug: 'a', x: 1, y: 2 });
  await collection.updateOne({ slug: 'a' }, { $set: { x: 5 }, $setOnInsert: { y: 9 } }, { upsert: true });
  assert.is((await collection.findOne({ slug: 'a' }))?.['y'], 2);
  await collection.replaceOne({ _id: 7 }, { z: 1 }, { upsert: true });
  assert.equal(await collection.findOne({ _id: 7 }), { _id: 7, z: 1 });
  await collection.updateOne({ slug: 'b' }, { $setOnInsert: { _id: 'mine' } }, { upsert: true });
  assert.equal(await collection.findOne({ slug: 'b' }), { _id: 'mine', slug: 'b' });
});

test('an update that takes another key is a duplicate', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('k');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertMany([
    { _id: 1, k: 1 },
    { _id: 2, k: 2 },
  ]);
  assert.is((await refusal(collection.updateOne({ _id: 2 }, { $set: { k: 1 } }))).code, 11000);
  assert.is((await refusal(collection.findOneAndUpdate({ _id: 2 }, { $set: { k: 1 } }))).code, 11000);
  assert.equal(await collection.findOne({ k: 2 }), { _id: 2, k: 2 });
  await collection.updateOne({ _id: 2 }, { $set: { k: 3 } });
  await collection.insertOne({ _id: 3, k: 2 });
});

test('$currentDate', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('c');
  await collection.insertOne({ _id: 1 });
  const u = { $currentDate: { a: true, b: { $type: 'timestamp' } } };
  await db.command({ update: 'c', updates: [{ q: { _id: 1 }, u }] });
  const found = await collection.findOne({});
  assert.instance(found?.['a'], Date);
  assert.is((found?.['b'] as Document)?._bsontype, 'Timestamp');
});

test('names that every object inherits are names like others', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('inherited');
  await collection.insertOne({ _id: 1, constructor: { name: 1 }, o: { toString: 1 } });
  await collection.createIndex({ 'constructor.name': 1 }, { unique: true });
  const u = {
    $set: { 'o.constructor.x': 1, valueOf: 2, '__proto__.y': 3 },
    $inc: { 'constructor.name': 1 },
    $rename: { 'o.toString': 'isPrototypeOf' },
  };
  Object.defineProperty(u.$set, '__proto__.z', { value: 4, enumerable: true });
  const answer = await db.command({ update: 'inherited', updates: [{ q: { 'constructor.name': 1 }, u }] });
  assert.is(answer.nModified, 1);
  assert.is(
    JSON.stringify(await collection.findOne({ 'constructor.name': 2, '__proto__.z': 4 })),
    '{"_id":1,"constructor":{"name":2},"o":{"constructor":{"x":1}},"isPrototypeOf":1,"valueOf":2,"__proto__":{"y":3,"z":4}}',
  );
});
