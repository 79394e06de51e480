import { UUID } from 'mongodb';
import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import { applyChange, type ConversationStore } from '../../src/conversations/conversation.js';
import { TOMBSTONE_MS } from '../../src/conversations/erased.js';
import { type Database, openDatabase } from '../../src/mongo/database.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { newConversation } from './rows.js';
import { type At, contractSuite } from './server.js';

const test = await contractSuite('tombstones of erased conversations', { recordsStores: true });

const AT = Date.now();
const tenantId = uuidV7();
const customer = { tenantId, customerId: 'u-1' };

/** A test of the store; `raw` reads the documents by the test's own way. */
function storeTest(name: string, body: (store: ConversationStore, at: At) => Promise<void>): void {
  test(name, async (at) => {
    const database = await openDatabase(at.uri, at.db.databaseName);
    try {
      await body(mongoConversations(database, Date.now), at);
    } finally {
      await database.close();
    }
  });
}

storeTest('nothing but ids, a revision and times is left in the database', async (store, { db }) => {
  const row = newConversation({
    ...customer,
    customerVerified: true,
    locale: 'en-GB',
    variables: { name: 'secret-name' },
    attributes: { tier: 'secret-tier' },
    origin: 'https://secret.example',
    idempotency: { requestHash: 'secret-hash', until: AT + 1_000 },
    changes: [{ kind: 'updated', revision: 6, at: AT - 5 }],
    revision: 6,
  });
  await store.insert(row);
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 1, complete: true });
  const documents = await db.collection('conversations').find().toArray();
  assert.equal(
    documents.map(({ _id, tenantId: owner, ...rest }) => ({
      id: String(_id),
      owner: String(owner),
      ...rest,
    })),
    [
      {
        id: String(new UUID(row.id)),
        owner: String(new UUID(tenantId)),
        erased: true,
        updatedAt: new Date(AT),
        purgeAt: new Date(AT + TOMBSTONE_MS),
        revision: 7,
      },
    ],
  );
});

storeTest('only watchers see it', async (store) => {
  const row = newConversation({ ...customer, customerVerified: true });
  const other = newConversation({ tenantId, createdAt: 0, updatedAt: 0 });
  await Promise.all([row, other].map((one) => store.insert(one)));
  await store.erase(tenantId, 'u-1', 10, AT);
  assert.is(await store.find(row.id), undefined);
  assert.equal(await store.findAll([row.id]), []);
  const all = { tenantId, verifiedOnly: false, limit: 10 };
  for (const query of [
    all,
    { ...all, openedBefore: AT + 1_000 },
    { ...all, openedFrom: -62_135_596_800_000 },
    { ...all, after: { createdAt: AT, id: row.id } },
  ]) {
    assert.equal(await store.list(query), [other], JSON.stringify(query));
    const rows = await store.listRows(query);
    assert.equal(
      rows.map(({ id }) => id),
      [other.id],
    );
  }
  for (const query of [
    { ...all, verifiedOnly: true },
    { ...all, ...customer },
  ])
    assert.equal(await store.list(query), [], JSON.stringify(query));
  const changed = { id: row.id, revision: 2, updatedAt: AT };
  assert.equal(await store.changedSince(tenantId, AT, undefined, 10), [changed]);
  assert.equal(await store.findChanged([row.id]), [{ erased: true, tenantId, ...changed }]);
  assert.is(await store.replace({ ...row, revision: 3 }, 1), false);
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 0, complete: true });
});

storeTest('one of a version before revisions is erased too', async (store, { db }) => {
  const row = newConversation(customer);
  await store.insert(row);
  const conversations = db.collection('conversations');
  const stored = await conversations.findOne({});
  if (!stored) throw new Error('nothing is stored');
  const { _id, revision: _, ...old } = stored;
  await conversations.replaceOne({ _id }, old);
  await store.erase(tenantId, 'u-1', 10, AT);
  const [erased] = await store.findChanged([row.id]);
  assert.is(erased?.revision, 2);
});

storeTest('a clock that is behind does not date an erasure before the last change', async (store) => {
  const row = newConversation({ ...customer, updatedAt: AT + 500 });
  await store.insert(row);
  await store.erase(tenantId, 'u-1', 10, AT);
  const [erased] = await store.findChanged([row.id]);
  assert.is(erased?.updatedAt, AT + 500);
});

storeTest('the id is opened again: its revisions count on, and the erasure stays known', async (store) => {
  const row = newConversation({ ...customer, revision: 4 });
  await store.insert(row);
  await store.erase(tenantId, 'u-1', 10, AT);
  const again = newConversation({ ...customer, id: row.id, createdAt: AT - 5, updatedAt: AT - 5 });
  assert.is(await store.insert(again), undefined);
  const predecessor = { revision: 5, updatedAt: AT };
  const stored = { ...again, revision: 6, createdAt: AT, updatedAt: AT, predecessor };
  assert.equal(await store.find(row.id), stored);
  assert.equal(await store.insert(newConversation({ id: row.id })), stored, 'a retry finds it');
  assert.equal(await store.changedSince(tenantId, AT, undefined, 10), [
    { id: row.id, revision: 6, updatedAt: AT },
  ]);
  const changed = applyChange(stored, 'refreshed', { date: () => AT + 1, retentionSeconds: 3600 });
  assert.is(await store.replace(changed, 6), true);
  assert.equal((await store.find(row.id))?.predecessor, predecessor);
  await store.erase(tenantId, 'u-1', 10, AT + 2);
  const [erased] = await store.findChanged([row.id]);
  assert.equal(erased, { erased: true, id: row.id, tenantId, revision: 8, updatedAt: AT + 2 });
});

storeTest('the id is opened by 20 at the same time: one is stored, the others get it', async (store) => {
  const row = newConversation(customer);
  await store.insert(row);
  await store.erase(tenantId, 'u-1', 10, AT);
  const opens = Array.from({ length: 20 }, () => newConversation({ ...customer, id: row.id }));
  const answers = await Promise.all(opens.map((one) => store.insert(one)));
  const stored = await store.find(row.id);
  const [won, ...others] = opens.filter((_, n) => answers[n] === undefined);
  assert.equal([won?.session.jti, others], [stored?.session.jti, []]);
  for (const answer of answers) if (answer) assert.is(answer.session.jti, stored?.session.jti);
});

test('those who log in between the look-up and the writes of an erasure keep their conversations', async ({
  uri,
  db,
}) => {
  const database = await openDatabase(uri, db.databaseName);
  try {
    const store = mongoConversations(database, Date.now);
    const rows = Array.from({ length: 10 }, () => newConversation(customer));
    await Promise.all(rows.map((row) => store.insert(row)));
    const loggedIn = rows.slice(0, 4);
    const { conversations } = database;
    const interrupted: Database['conversations'] = Object.create(conversations, {
      bulkWrite: {
        value: async (...args: Parameters<typeof conversations.bulkWrite>) => {
          for (const row of loggedIn)
            await store.replace({ ...row, revision: 2, customerId: 'u-2', customerVerified: true }, 1);
          return conversations.bulkWrite(...args);
        },
      },
    });
    const erasing = mongoConversations({ conversations: interrupted }, Date.now);
    assert.equal(await erasing.erase(tenantId, 'u-1', 100, AT), { erased: 6, complete: false });
    assert.equal(await store.erase(tenantId, 'u-1', 100, AT), { erased: 0, complete: true });
    const found = await Promise.all(rows.map(({ id }) => store.find(id)));
    assert.equal(
      found.map((one) => one?.customerId),
      rows.map((row) => (loggedIn.includes(row) ? 'u-2' : undefined)),
    );
  } finally {
    await database.close();
  }
});
