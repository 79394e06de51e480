import { suite } from '@chatsessions/test-harness';
import {
  Binary,
  Decimal128,
  Double,
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
  const raw = () => db.collection<Doc>('types', { raw: true }).findOne({ _id: insertedId });
  const before = Buffer.from((await raw()) as unknown as Uint8Array);
  await collection.updateOne({ _id: insertedId }, { $set: { added: true } });
  const between = Buffer.from((await raw()) as unknown as Uint8Array);
  assert.not.equal(between, before);
  await collection.updateOne({ _id: insertedId }, { $unset: { added: '' } });
  const after = Buffer.from((await raw()) as unknown as Uint8Array);
  assert.equal(after.toString('hex'), before.toString('hex'));
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

test('deletes one, many and none', async () => {
  const { db } = running();
  const collection = db.collection('d');
  assert.is((await collection.deleteOne({})).deletedCount, 0);
  await collection.insertMany([{ x: 1 }, { x: 1 }, { x: 2 }, { x: 2 }]);
  assert.is((await collection.deleteOne({ x: 1 })).deletedCount, 1);
  assert.is((await collection.deleteMany({ x: 2 })).deletedCount, 2);
  assert.is((await collection.find().toArray()).length, 1);
});

test('findAndModify is an atomic compare-and-set under 64 writers', async () => {
  const { db } = running();
  const collection = db.collection<{ _id: number; revision: number; by: number[] }>('cas');
  await collection.insertOne({ _id: 1, revision: 0, by: [] });
  await Promise.all(
    Array.from({ length: 64 }, async (_, writer) => {
      for (;;) {
        const seen = await collection.findOne({ _id: 1 });
        const revision = seen?.revision ?? 0;
        const won = await collection.findOneAndUpdate(
          { _id: 1, revision },
          { $inc: { revision: 1 }, $push: { by: writer } },
          { returnDocument: 'after' },
        );
        if (won) return assert.is(won.revision, revision + 1);
      }
    }),
  );
  const end = await collection.findOne({ _id: 1 });
  assert.is(end?.revision, 64);
  assert.is(new Set(end?.by).size, 64);
});

test('findAndModify sorts, removes, upserts and answers before or after', async () => {
  const { db } = running();
  const collection = db.collection<{ _id: number; x?: number; y?: number }>('fam');
  await collection.insertMany([1, 2, 3].map((_id) => ({ _id, x: _id })));
  assert.equal(await collection.findOneAndDelete({}, { sort: { x: -1 } }), { _id: 3, x: 3 });
  assert.equal(await collection.findOneAndUpdate({ _id: 1 }, { $set: { y: 1 } }), { _id: 1, x: 1 });
  assert.equal(
    await collection.findOneAndUpdate(
      { _id: 1 },
      { $inc: { y: 1 } },
      { returnDocument: 'after', projection: { y: 1 } },
    ),
    { _id: 1, y: 2 },
  );
  assert.equal(await collection.findOneAndReplace({ _id: 2 }, { y: 9 }, { returnDocument: 'after' }), {
    _id: 2,
    y: 9,
  });
  assert.is(await collection.findOneAndUpdate({ _id: 8 }, { $set: { y: 1 } }), null);
  assert.equal(
    await collection.findOneAndUpdate(
      { _id: 7 },
      { $set: { y: 1 }, $setOnInsert: { x: 5 } },
      { upsert: true, returnDocument: 'after', includeResultMetadata: true },
    ),
    { lastErrorObject: { n: 1, updatedExisting: false, upserted: 7 }, value: { _id: 7, y: 1, x: 5 }, ok: 1 },
  );
});

test('what is not supported is refused by its name', async () => {
  const { db, client } = running();
  const collection = db.collection('a');
  const cases: [() => Promise<unknown>, number, RegExp][] = [
    [() => db.command({ aggregate: 'a', pipeline: [], cursor: {} }), 59, /aggregate/],
    [() => db.command({ find: 'a', collation: { locale: 'en' } }), 72, /collation/],
    [() => db.command({ find: 'a', tailable: true }), 72, /tailable/],
    [
      () => db.command({ insert: 'a', documents: [{}], bypassDocumentValidation: true }),
      72,
      /bypassDocumentValidation/,
    ],
    [() => db.command({ insert: 'a', documents: [{}], txnNumber: Long.fromNumber(1) }), 20, /txnNumber/],
    [() => db.command({ find: 'a', readConcern: { level: 'snapshot' } }), 72, /snapshot/],
    [() => collection.updateOne({}, [{ $set: { x: 1 } }]), 72, /pipeline/],
    [() => collection.updateOne({}, { $set: { x: 1 } }, { hint: 'x_1' }), 72, /hint/],
    [() => collection.find({ x: { $near: 1 } }).toArray(), 2, /\$near/],
    [() => collection.find({ $where: '1' }).toArray(), 2, /\$where/],
    [() => collection.find({ $expr: {} }).toArray(), 2, /\$expr/],
    [() => db.command({ insert: 'a', documents: [] }), 9, /batch sizes/],
    [() => db.command({ insert: '', documents: [{}] }), 73, /collection name/],
    [() => client.db('admin').command({ replSetGetStatus: 1 }), 59, /replSetGetStatus/],
  ];
  for (const [body, code, message] of cases) {
    const refused = await refusal(body());
    assert.is(refused.code, code, refused.message);
    assert.match(refused.message, message);
  }
  await refusal(
    client.withSession((session) => session.withTransaction(() => collection.insertOne({}, { session }))),
  );
  assert.is(await collection.findOne({}), null);
});

test('concerns and sessions are accepted', async () => {
  const { db, client } = running();
  const collection = db.collection('w');
  await collection.insertOne({}, { writeConcern: { w: 'majority', journal: true, wtimeoutMS: 100 } });
  await collection.insertOne({ unacknowledged: true }, { writeConcern: { w: 0 } });
  for (const level of ['local', 'majority', 'available', 'linearizable'] as const) {
    assert.ok(await collection.findOne({}, { readConcern: { level }, maxTimeMS: 1000, comment: 'x' }), level);
  }
  await client.withSession((session) => collection.insertOne({}, { session }));
  assert.is((await db.command({ ping: 1 })).ok, 1);
  const hello = await db.command({ hello: 1 });
  assert.is(hello.isWritablePrimary, true);
  assert.is(hello.setName, undefined);
});
