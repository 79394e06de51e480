import { suite } from '@chatsessions/test-harness';
import {
  Binary,
  BSON,
  Decimal128,
  Double,
  type Filter,
  Int32,
  Long,
  MongoBulkWriteError,
  ObjectId,
  Timestamp,
  UUID,
} from 'mongodb';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: writes');
const running = withServer(test);

test('an insert without _id gets an ObjectId, and its document comes back', async () => {
  const { db } = running();
  const { insertedId } = await db.collection('a').insertOne({ x: 1 });
  assert.equal(await db.collection('a').findOne({ _id: insertedId }), { x: 1, _id: insertedId });
  await db.command({ insert: 'b', documents: [{ x: 2 }] });
  const found = await db.collection('b').findOne({});
  assert.instance(found?._id, ObjectId);
});

test('every type comes back as it was sent', async () => {
  const { db } = running();
  const document: Doc = {
    int: new Int32(5),
    double: new Double(5),
    long: Long.fromString('9007199254740993'),
    decimal: Decimal128.fromString('1.10'),
    minusZero: new Double(-0),
    nan: new Double(Number.NaN),
    date: new Date(1),
    uuid: new UUID(),
    binary: new Binary(Buffer.from([0, 255, 128]), 0x80),
    timestamp: new Timestamp({ t: 1, i: 2 }),
    regex: /a.b/i,
    text: 'a\0b',
    nothing: null,
    list: [new Int32(1), new Double(1), [new Double(2)]],
    order: new Map(['b', '10', 'a', '2'].map((name, i) => [name, i])),
    ...JSON.parse('{"__proto__": 1, "constructor": {"name": 2}, "a.b": 3, "$x": 4, "": 5, "toString": 6}'),
  };
  const collection = db.collection<Doc>('types');
  const { insertedId } = await collection.insertOne(document);
  const raw = async () => {
    const found = await db.collection<Doc>('types', { raw: true }).findOne({ _id: insertedId });
    return Buffer.from(found as unknown as Uint8Array).toString('hex');
  };
  const before = await raw();
  assert.is(before, Buffer.from(BSON.serialize({ ...document, _id: insertedId })).toString('hex'));
  const { _id, ...members } = document;
  await collection.replaceOne({ _id: insertedId }, { other: 1 });
  assert.is.not(await raw(), before);
  await collection.replaceOne({ _id: insertedId }, members);
  assert.is((await raw()).length, before.length);
});

test('strange keys survive a replacement', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('strange');
  await collection.insertOne({ _id: 1, x: 1 });
  const strange = JSON.parse('{"a": 1, "__proto__": 1, "constructor": 2, "a.b": 3, "$x": 4, "": 5}');
  await collection.replaceOne({ _id: 1 }, strange);
  const raw = Buffer.from(
    (await db.collection('strange', { raw: true }).findOne({})) as unknown as Uint8Array,
  );
  for (const key of ['__proto__', 'constructor', 'a.b', '$x']) assert.ok(raw.includes(`${key}\0`), key);
});

test('a duplicate is told as MongoDB tells it, and fails alone when unordered', async () => {
  const { db } = running();
  const collection = db.collection<{ _id: number; k?: string }>('dup');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertMany([
    { _id: 1, k: 'a\0b' },
    { _id: 2, k: 'a' },
  ]);
  const unordered = await refusal(
    collection.insertMany([{ _id: 1 }, { _id: 3, k: 'a' }, { _id: 4, k: 'd' }], { ordered: false }),
  );
  assert.instance(unordered.error, MongoBulkWriteError);
  const { writeErrors, insertedCount } = unordered.error as MongoBulkWriteError;
  assert.is(insertedCount, 1);
  const errors = (Array.isArray(writeErrors) ? writeErrors : [writeErrors]).map(
    ({ index, code, errmsg }) => ({
      index,
      code,
      errmsg,
    }),
  );
  const where = `E11000 duplicate key error collection: ${db.databaseName}.dup index:`;
  assert.equal(errors, [
    { index: 0, code: 11000, errmsg: `${where} _id_ dup key: { _id: 1 }` },
    { index: 1, code: 11000, errmsg: `${where} k_1 dup key: { k: "a" }` },
  ]);
  const ordered = await refusal(collection.insertMany([{ _id: 4 }, { _id: 5, k: 'e' }]));
  assert.is(ordered.code, 11000);
  assert.is(await collection.findOne({ _id: 5 }), null);
  const single = await db.command({ insert: 'dup', documents: [{ _id: 9, k: 'd' }] });
  assert.equal(single.writeErrors[0].keyPattern, { k: 1 });
  assert.equal(single.writeErrors[0].keyValue, { k: 'd' });
});

test('numbers of different types are the same _id', async () => {
  const { db } = running();
  const collection = db.collection<{ _id: unknown }>('numbers');
  await collection.insertOne({ _id: new Int32(1) });
  assert.is((await refusal(collection.insertOne({ _id: new Double(1) }))).code, 11000);
  assert.is((await refusal(collection.insertOne({ _id: Long.fromNumber(1) }))).code, 11000);
  await collection.insertOne({ _id: Long.fromString('9007199254740993') });
  await collection.insertOne({ _id: new Double(9007199254740992) });
});

test('a document over 16 MiB and an _id that cannot be one are refused', async () => {
  const { db } = running();
  const big = Buffer.alloc(16 * 1024 * 1024);
  const answer = (await db.command({ insert: 'a', documents: [{ big }] })).writeErrors[0].code;
  assert.is(answer, 10334);
  assert.is((await refusal(db.collection<{ _id: unknown }>('a').insertOne({ _id: [1] }))).code, 53);
});

test('deletes many and none', async () => {
  const { db } = running();
  const collection = db.collection('d');
  assert.is((await collection.deleteMany({})).deletedCount, 0);
  await collection.insertMany([{ x: 1 }, { x: 1 }, { x: 2 }, { x: 2 }]);
  assert.is((await collection.deleteMany({ x: 2 })).deletedCount, 2);
  assert.is((await collection.deleteMany({ x: { $in: [1, 7] } })).deletedCount, 2);
  assert.is((await collection.find().toArray()).length, 0);
});

test('replaceOne replaces the document with an _id if it matches the rest, and counts', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('r');
  const counts = async (filter: Filter<Doc>, document: Doc) => {
    const { matchedCount, modifiedCount } = await collection.replaceOne(filter, document);
    return [matchedCount, modifiedCount];
  };
  assert.equal(await counts({ _id: 1 }, { a: 1 }), [0, 0]);
  await collection.insertOne({ _id: 1, a: 1, revision: 3 });
  assert.equal(await counts({ _id: 1, revision: 2 }, { a: 2 }), [0, 0]);
  assert.equal(
    await counts({ _id: 1, $or: [{ revision: 3 }, { revision: { $exists: false } }] }, { b: [1] }),
    [1, 1],
  );
  assert.equal(await collection.findOne({ _id: 1 }), { _id: 1, b: [1] });
  assert.equal(await counts({ _id: 1 }, { b: [1] }), [1, 0]);
  // With its own _id, wherever that stands.
  await db.command({ update: 'r', updates: [{ q: { _id: 1 }, u: { c: 1, _id: 1 } }] });
  assert.is(JSON.stringify(await collection.findOne({ _id: 1 })), '{"c":1,"_id":1}');
});

test('a replacement that takes another key is a duplicate, and changes nothing', async () => {
  const { db } = running();
  const collection = db.collection<Doc>('k');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertMany([
    { _id: 1, k: 1 },
    { _id: 2, k: 2 },
  ]);
  assert.is((await refusal(collection.replaceOne({ _id: 2 }, { k: 1 }))).code, 11000);
  assert.equal(await collection.findOne({ k: 2 }), { _id: 2, k: 2 });
  await collection.replaceOne({ _id: 2 }, { k: 3 });
  await collection.insertOne({ _id: 3, k: 2 });
});

test('replaceOne is a compare-and-set: 64 writers lose no update', async () => {
  const { db } = running();
  const collection = db.collection<{ _id: number; revision: number; by: number[] }>('cas');
  await collection.insertOne({ _id: 1, revision: 0, by: [] });
  await Promise.all(
    Array.from({ length: 64 }, async (_, writer) => {
      for (;;) {
        const { revision = 0, by = [] } = (await collection.findOne({ _id: 1 })) ?? {};
        const next = { revision: revision + 1, by: [...by, writer] };
        if ((await collection.replaceOne({ _id: 1, revision }, next)).matchedCount === 1) return;
      }
    }),
  );
  const end = await collection.findOne({ _id: 1 });
  assert.is(end?.revision, 64);
  assert.is(new Set(end?.by).size, 64);
});

test('concerns and sessions are accepted', async () => {
  const { db, client } = running();
  const collection = db.collection('w');
  await collection.insertOne({}, { writeConcern: { w: 'majority', journal: true } });
  await collection.insertOne({ unacknowledged: true }, { writeConcern: { w: 0 } });
  for (const level of ['local', 'majority'] as const) {
    assert.ok(await collection.findOne({}, { readConcern: { level } }), level);
  }
  await client.withSession((session) => collection.insertOne({}, { session }));
  assert.is((await db.command({ ping: 1 })).ok, 1);
  const hello = await db.command({ hello: 1 });
  assert.is(hello.isWritablePrimary, true);
  assert.is(hello.setName, undefined);
});
