import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { suite, tempDir } from '@chatsessions/test-harness';
import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoAudit } from '../../src/mongo/mongo-audit.js';
import { mongoCatalog } from '../../src/mongo/mongo-catalog.js';
import { mongoChangeLog } from '../../src/mongo/mongo-change-log.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { mongoOriginReports } from '../../src/mongo/mongo-origin-reports.js';
import { startRecorder } from './recorder.js';
import { newConversation, newKey, newReport, newSecret, newTenant } from './rows.js';
import { assertDocumented, documentedRows, rowsOf, sentBy } from './sent.js';
import { inserts, queries } from './store-calls.js';

const test = suite('what the service sends');

/** More than a first batch has. */
const MANY = 150;

test('the table in docs/storage.md has every command, condition and option that the stores send, and no other', async () => {
  const server = await startEmbeddedMongo({ dataDir: await tempDir() });
  const recorder = await startRecorder(server.socketPath);
  const database = await openDatabase(recorder.uri, 'd');
  try {
    const [catalog, conversations] = [mongoCatalog(database), mongoConversations(database)];
    const originReports = mongoOriginReports(database);
    const audit = mongoAudit(database, { now: Date.now, newId: uuidV7 });
    const key = newKey();
    const conversation = newConversation({ customerId: 'u-7' });
    const rows = { tenant: newTenant(), key, secret: newSecret(), conversation };
    const { tenantId } = conversation;
    await audit.add(
      { caller: undefined, requestId: 'r' },
      { action: 'A', phase: 'started', tenant: 'acme', tenantId },
    );
    await Promise.all([catalog.insertTenant(rows.tenant), catalog.insertIdentitySecret(rows.secret)]);
    await Promise.all([key, ...many(() => newKey({ tenantId: key.tenantId }))].map(catalog.insertKey));
    await catalog.insertAlias({
      id: uuidV7(),
      publicKey: 'pk_live_b',
      keyId: key.id,
      tenantId: key.tenantId,
    });
    assert.equal(await catalog.findKey('pk_live_b'), key);
    await originReports.insertReport(newReport(key.id));
    const tenants = many(() => newTenant());
    await Promise.all(tenants.map(catalog.insertTenant));
    const others = many((n) => newConversation({ tenantId, createdAt: conversation.createdAt + n }));
    await Promise.all([conversation, ...others].map((one) => conversations.insert(one)));

    for (const { run } of Object.values(queries)) {
      await run({ ...rows, database, catalog, originReports, conversations });
    }
    const changeLog = mongoChangeLog(database);
    await changeLog.insert({ length: 1, recent: [key.tenantId] });
    await changeLog.replace({ length: 2, recent: [key.tenantId, key.tenantId] }, 1);
    await changeLog.length();
    assert.is((await changeLog.read())?.length, 2);
    await catalog.revisions(tenants.map(({ id }) => id));
    await catalog.keysOf(key.tenantId);
    assert.is((await catalog.listTenants('', MANY)).length, MANY);
    await conversations.replace({ ...conversation, revision: 3 }, 2);
    const page = { tenantId, verifiedOnly: false, limit: MANY };
    await conversations.list({ ...page, openedBefore: Date.now() });
    assert.is((await conversations.list(page)).length, MANY);
    await conversations.changedSince(tenantId, 0, undefined, 1);
    await conversations.changedSince(tenantId, 0, undefined, MANY);
    await conversations.findAll(others.map(({ id }) => id));
    await conversations.erase(tenantId, 'u-7', 20, Date.now());
    assert.is((await conversations.deleteOfTenant(tenantId, MANY)).deleted, MANY);
    assert.is(inserts.length, 5, 'each of them is called above');
  } finally {
    await database.close();
    await recorder.close();
    await server.close();
  }
  assert.equal(rowsOf(sentBy(recorder.commands)), documentedRows());
});

const command = { update: 'tenants', writeConcern: { w: 'majority' } };
const wrong: readonly (readonly [name: string, command: Record<string, unknown>])[] = [
  ['another command', { findAndModify: 'tenants' }],
  ['another collection', { insert: 'elsewhere' }],
  ['another option', { find: 'tenants', skip: 1 }],
  ['another condition', { find: 'tenants', filter: { name: 'x' } }],
  ['another operator', { find: 'tenants', filter: { slug: { $ne: 'x' } } }],
  ['another readConcern', { find: 'tenants', filter: {}, readConcern: { level: 'local' } }],
  ['another writeConcern', { insert: 'tenants', writeConcern: { w: 1 } }],
  ['an update operator', { ...command, updates: [{ q: { _id: 1, revision: 1 }, u: { $set: { a: 1 } } }] }],
  ['an update of no _id', { ...command, updates: [{ q: { revision: 1 }, u: { a: 1 } }] }],
  ['an update without a revision', { ...command, updates: [{ q: { _id: 1 }, u: { a: 1 } }] }],
  ['an upsert', { ...command, updates: [{ q: { _id: 1, revision: 1 }, u: { a: 1 }, upsert: true }] }],
];
for (const [name, sent] of wrong)
  test(`the check fails on ${name}`, () => assert.throws(() => assertDocumented(sentBy([sent]))));

function many<T>(make: (n: number) => T): T[] {
  return Array.from({ length: MANY }, (_, n) => make(n));
}
