import { setTimeout as sleep } from 'node:timers/promises';
import { type Db, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { type ConversationDocument, openDatabase } from '../../src/mongo/database.js';
import { isDuplicateKey } from '../../src/mongo/driver-errors.js';
import { codeOf, contractSuite, type Doc, refusal } from './server.js';

const test = await contractSuite('indexes', { fileTimeoutMs: 300_000 });

const OURS = {
  tenants: [{ key: { slug: 1 }, unique: true }],
  widget_keys: [{ key: { publicKey: 1 }, unique: true }, { key: { tenantId: 1 } }],
  conversations: [
    { key: { tenantId: 1, customerId: 1, createdAt: -1, _id: -1 } },
    { key: { tenantId: 1, createdAt: -1, _id: -1 } },
    {
      key: { tenantId: 1, customerVerified: 1, createdAt: -1, _id: -1 },
      partialFilterExpression: { customerVerified: true },
    },
    {
      key: { tenantId: 1, customerId: 1, customerVerified: 1, createdAt: -1, _id: -1 },
      partialFilterExpression: { customerVerified: true },
    },
    { key: { tenantId: 1, updatedAt: 1, _id: 1 }, partialFilterExpression: { revision: { $gt: 1 } } },
    { key: { purgeAt: 1 }, expireAfterSeconds: 0 },
  ],
  audit: [{ key: { tenantId: 1, at: 1 } }],
};

test("the service's indexes are made, and made again without a change", async ({ db, uri }) => {
  for (const _ of [1, 2]) {
    await (await openDatabase(uri, db.databaseName)).close();
    for (const [collection, expected] of Object.entries(OURS)) {
      assert.equal(await indexesOf(db, collection), expected, collection);
    }
  }
});

test('eight processes may make them at the same time', async ({ db, uri }) => {
  const opened = await Promise.all(Array.from({ length: 8 }, () => openDatabase(uri, db.databaseName)));
  await Promise.all(opened.map((database) => database.close()));
  for (const [collection, expected] of Object.entries(OURS)) {
    assert.equal(await indexesOf(db, collection), expected, collection);
  }
});

test('a name or fields that an index has already, with other options: codes 85 and 86', async ({ db }) => {
  const collection = db.collection('c');
  await collection.createIndex({ a: 1 });
  assert.is(codeOf(await refusal(collection.createIndex({ a: 1 }, { name: 'other' }))), 85);
  assert.ok(
    [85, 86].includes(Number(codeOf(await refusal(collection.createIndex({ a: 1 }, { unique: true }))))),
  );
  assert.is(codeOf(await refusal(collection.createIndex({ b: 1 }, { name: 'a_1' }))), 86);
  await collection.createIndex({ at: 1 }, { expireAfterSeconds: 0 });
  assert.is(codeOf(await refusal(collection.createIndex({ at: 1 }, { expireAfterSeconds: 60 }))), 85);
  assert.equal(await indexesOf(db, 'c'), [{ key: { a: 1 } }, { key: { at: 1 }, expireAfterSeconds: 0 }]);
});

test('the indexes of a collection that is not there: code 26', async ({ db }) => {
  assert.is(codeOf(await refusal(db.collection('none').listIndexes().toArray())), 26);
});

test('a unique index over duplicates is refused and leaves nothing', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany([{ k: 1 }, { k: 1 }]);
  await refusal(collection.createIndex({ k: 1 }, { unique: true }));
  assert.equal(await indexesOf(db, 'c'), []);
  await collection.insertOne({ k: 1 });
});

test('a unique index keeps two of the same value out, and two without a value', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertMany([{ _id: 1, k: 'a' }, { _id: 2 }]);
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k: 'a' }))));
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ other: 1 }))));
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k: null }))));
  await collection.insertOne({ k: 'A' });
  await collection.deleteMany({ _id: 1 });
  await collection.insertOne({ k: 'a' });
});

test('a unique index over two fields counts both', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const tenant = new UUID();
  await collection.createIndex({ tenant: 1, slug: 1 }, { unique: true });
  await collection.insertMany([
    { tenant, slug: 'a' },
    { tenant, slug: 'b' },
    { tenant: new UUID(), slug: 'a' },
  ]);
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ tenant, slug: 'a' }))));
});

test('a partial unique index binds the documents that it holds, and no others', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const partialFilterExpression = { open: true };
  await collection.createIndex({ k: 1 }, { unique: true, partialFilterExpression });
  await collection.insertMany([
    { _id: 1, k: 'a', open: true },
    { _id: 2, k: 'a', open: false },
    { _id: 3, k: 'a' },
    { _id: 4, k: 'b', open: true },
  ]);
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k: 'a', open: true }))));
  assert.ok(isDuplicateKey(await refusal(collection.replaceOne({ _id: 2 }, { k: 'a', open: true }))));
  await collection.replaceOne({ _id: 1 }, { k: 'a', open: false });
  await collection.replaceOne({ _id: 2 }, { k: 'a', open: true });
  const found = await collection.find({ k: 'a', open: true }).toArray();
  assert.equal(
    found.map(({ _id }) => _id),
    [2],
  );
  assert.is((await collection.find({ k: 'a' }).toArray()).length, 3);
});

test('a partial index of a range holds what is in it', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const partialFilterExpression = { revision: { $gt: 1 } };
  await collection.createIndex({ k: 1 }, { unique: true, partialFilterExpression });
  await collection.insertMany([{ k: 'x', revision: 1 }, { k: 'x' }, { k: 'x', revision: 2 }]);
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k: 'x', revision: 3 }))));
  const changed = await collection.find({ k: 'x', ...partialFilterExpression }).toArray();
  assert.equal(
    changed.map(({ revision }) => revision),
    [2],
  );
});

test('an index made over stored documents finds them', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.insertMany(
    Array.from({ length: 500 }, (_, _id) => ({ _id, k: `k${_id % 100}`, at: -_id })),
  );
  await collection.createIndex({ k: 1, at: -1 });
  const found = await collection.find({ k: 'k7' }, { sort: { at: -1 } }).toArray();
  assert.equal(
    found.map(({ _id }) => _id),
    [7, 107, 207, 307, 407],
  );
});

test(
  'a conversation goes once its purgeAt has passed; one whose time has not come stays',
  async ({ db, uri }) => {
    const database = await openDatabase(uri, db.databaseName);
    try {
      const now = Date.now();
      const [past, soon, later] = [now - 3_600_000, now + 1_000, now + 3_600_000];
      await database.conversations.insertMany([past, soon, later].map(conversation));
      let left = 3;
      while (left > 1) {
        await sleep(250);
        left = (await database.conversations.find().toArray()).length;
      }
      assert.equal(
        (await database.conversations.find().toArray()).map(({ purgeAt }) => purgeAt.getTime()),
        [later],
      );
    } finally {
      await database.close();
    }
  },
  { timeoutMs: test.server.kind === 'embedded' ? 10_000 : 150_000 },
);

test('dropDatabase takes everything, and what comes after begins anew', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.insertOne({ _id: 1, k: 1 });
  await db.dropDatabase();
  assert.is(await collection.findOne({}), null);
  await collection.insertMany([
    { _id: 1, k: 1 },
    { _id: 2, k: 1 },
  ]);
  assert.equal(await indexesOf(db, 'c'), []);
  await db.dropDatabase();
  await db.dropDatabase();
});

/** What the indexes of a collection are, without `_id`'s and without what only some servers say. */
async function indexesOf(db: Db, collection: string): Promise<Doc[]> {
  const indexes = await db.collection(collection).listIndexes().toArray();
  assert.is(indexes[0]?.['name'], '_id_');
  return indexes.slice(1).map(({ key, unique, expireAfterSeconds, partialFilterExpression }) => ({
    key,
    ...(unique === true && { unique }),
    ...(expireAfterSeconds !== undefined && { expireAfterSeconds }),
    ...(partialFilterExpression !== undefined && { partialFilterExpression }),
  }));
}

function conversation(purgeAtMs: number): ConversationDocument {
  const at = new Date(purgeAtMs - 60_000);
  return {
    _id: new UUID(),
    tenantId: new UUID(),
    keyId: new UUID(),
    variables: {},
    surface: 'chat',
    session: { jti: 'jti', iat: at, exp: at },
    createdAt: at,
    updatedAt: at,
    revision: 1,
    purgeAt: new Date(purgeAtMs),
  };
}
