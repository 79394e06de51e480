import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import type { OriginReportStore } from '../../src/catalog/key-report.js';
import type { CatalogStore, Tenant, WidgetKey } from '../../src/catalog/model.js';
import type { Conversation, ConversationStore } from '../../src/conversations/conversation.js';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoCatalog } from '../../src/mongo/mongo-catalog.js';
import { mongoChangeLog } from '../../src/mongo/mongo-change-log.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { mongoOriginReports } from '../../src/mongo/mongo-origin-reports.js';
import { newConversation, newKey, newReport, newSecret, newTenant } from './rows.js';
import { type At, contractSuite, type Doc } from './server.js';

const test = await contractSuite("the service's stores", { recordsStores: true });

interface Stores {
  readonly catalog: CatalogStore;
  readonly conversations: ConversationStore;
  readonly originReports: OriginReportStore;
}

async function withStores({ db, uri }: At, body: (stores: Stores) => Promise<void>): Promise<void> {
  const database = await openDatabase(uri, db.databaseName);
  try {
    await body({
      catalog: mongoCatalog(database),
      conversations: mongoConversations(database, Date.now),
      originReports: mongoOriginReports(database),
    });
  } finally {
    await database.close();
  }
}

test('a conversation is written once, and comes back as it was written', (at) =>
  withStores(at, async ({ conversations }) => {
    const full = newConversation({
      customerId: 'u\0$1.x',
      locale: 'en-GB',
      variables: { constructor: '$set', list: [[[[1.5]]], null, true], text: 'a.b\0é😀' },
      origin: 'https://acme.com',
      idempotency: { requestHash: 'hash', until: 1_700_000_600_000 },
      endedAt: 1_700_000_000_123,
    });
    for (const conversation of [newConversation(), full]) {
      assert.is(await conversations.insert(conversation), undefined);
      const other = { ...conversation, session: { ...conversation.session, jti: 'another' } };
      assert.equal(await conversations.insert(other), conversation);
    }
  }));

test('opens at the same time share batches, and a repeated one fails alone', (at) =>
  withStores(at, async ({ conversations }) => {
    const known = newConversation();
    await conversations.insert(known);
    const batch: Conversation[] = Array.from({ length: 300 }, () => newConversation());
    const all = [...batch.slice(0, 150), known, ...batch.slice(150)];
    const answers = await Promise.all(all.map((one) => conversations.insert(one)));
    assert.equal(
      answers.filter((answer) => answer !== undefined),
      [known],
    );
    assert.equal(answers[150], known);
  }));

test('origin reports: written once, replaced at their revision, deleted by their keys', (at) =>
  withStores(at, async ({ originReports }) => {
    const [first, second] = [newReport(uuidV7()), newReport(uuidV7())];
    assert.is(await originReports.findReport(first.keyId), undefined);
    for (const report of [first, second]) assert.is(await originReports.insertReport(report), true);
    assert.is(await originReports.insertReport(newReport(first.keyId, 9)), false);
    assert.equal(await originReports.findReport(first.keyId), first);
    const next = { ...newReport(first.keyId, 9), revision: 2 };
    assert.is(await originReports.replaceReport(next, 2), false);
    assert.is(await originReports.replaceReport(next, 1), true);
    assert.is(await originReports.replaceReport(first, 1), false);
    assert.equal(await originReports.findReport(first.keyId), next);
    await originReports.deleteReports([]);
    await originReports.deleteReports([first.keyId, uuidV7()]);
    assert.is(await originReports.findReport(first.keyId), undefined);
    assert.equal(await originReports.findReport(second.keyId), second);
  }));

test('tenants: a taken slug, a stale revision, and what is found', (at) =>
  withStores(at, async ({ catalog }) => {
    const tenant = newTenant();
    assert.is(await catalog.insertTenant(tenant), true);
    assert.is(await catalog.insertTenant(newTenant({ slug: tenant.slug })), false);
    assert.equal(await catalog.findTenant(tenant.id), tenant);
    assert.equal(await catalog.findTenantBySlug(tenant.slug), tenant);
    assert.is(await catalog.findTenant(uuidV7()), undefined);
    const changed: Tenant = { ...tenant, name: 'Changed', quickQuestions: [], revision: 2 };
    assert.is(await catalog.replaceTenant(changed, 1), true);
    assert.is(await catalog.replaceTenant({ ...changed, name: 'Too late' }, 1), false);
    assert.equal(await catalog.findTenant(tenant.id), changed);
    const other = newTenant();
    await catalog.insertTenant(other);
    // More than one query asks for.
    const strangers = Array.from({ length: 2_500 }, () => uuidV7());
    const revisions = await catalog.revisions([tenant.id, ...strangers, other.id]);
    assert.equal(
      [...revisions].sort(),
      [
        [tenant.id, 2],
        [other.id, 1],
      ].sort(),
    );
  }));

test(
  'tenants: of 64 who replace a revision at the same time, one does',
  (at) =>
    withStores(at, async ({ catalog }) => {
      const tenant = newTenant();
      await catalog.insertTenant(tenant);
      for (let revision = 1; revision <= 5; revision++) {
        const next = (n: number): Tenant => ({ ...tenant, name: `by ${n}`, revision: revision + 1 });
        const done = await Promise.all(
          Array.from({ length: 64 }, (_, n) => catalog.replaceTenant(next(n), revision)),
        );
        assert.is(done.filter(Boolean).length, 1);
        assert.equal(await catalog.findTenant(tenant.id), next(done.indexOf(true)));
      }
    }),
  { timeoutMs: 60_000 },
);

test('the change log: one document, a stale length, and what is found', async ({ db, uri }) => {
  const database = await openDatabase(uri, db.databaseName);
  try {
    const changeLog = mongoChangeLog(database);
    assert.is(await changeLog.length(), 0);
    assert.is(await changeLog.read(), undefined);
    assert.is(await changeLog.replace({ length: 1, recent: [] }, 0), false);
    const log = { length: 3, recent: [uuidV7(), uuidV7()] };
    assert.is(await changeLog.insert(log), true);
    assert.is(await changeLog.insert(log), false);
    const longer = { length: 4, recent: [...log.recent, uuidV7()] };
    assert.is(await changeLog.replace(longer, 2), false);
    assert.is(await changeLog.replace(longer, 3), true);
    assert.is(await changeLog.length(), 4);
    assert.equal(await changeLog.read(), longer);
  } finally {
    await database.close();
  }
});

test("widget keys: new, changed, another tenant's, and what is found", (at) =>
  withStores(at, async ({ catalog }) => {
    const key = newKey();
    assert.is(await catalog.insertKey(key), true);
    assert.equal(await catalog.findKey(key.publicKey), key);
    const changed: WidgetKey = {
      ...key,
      label: 'Changed',
      enabled: false,
      endsAt: 1_800_000_000_000,
      revision: 2,
    };
    assert.is(await catalog.replaceKey(changed, 1), true);
    assert.is(await catalog.replaceKey({ ...changed, label: 'Too late' }, 1), false);
    assert.equal(await catalog.findKey(key.publicKey), changed);
    assert.is(await catalog.insertKey(newKey({ publicKey: key.publicKey })), false);
    const second = newKey({ tenantId: key.tenantId });
    assert.is(await catalog.insertKey(second), true);
    assert.is(await catalog.insertKey({ ...second, publicKey: `${key.publicKey}x` }), false);
    const keys = await catalog.keysOf(key.tenantId);
    assert.equal(
      [...keys].sort((a, b) => (a.id < b.id ? -1 : 1)),
      [changed, second],
    );
    assert.is(await catalog.findKey('pk_live_none'), undefined);
  }));

test('widget keys: a rotated one is found by each of its public keys, until they are deleted', (at) =>
  withStores(at, async ({ catalog }) => {
    const [first, key] = [newKey(), newKey()];
    for (const one of [first, key]) await catalog.insertKey(one);
    const [second, third] = [newKey().publicKey, newKey().publicKey];
    const { id: keyId, tenantId } = key;
    for (const publicKey of [second, third]) {
      assert.is(await catalog.insertAlias({ id: uuidV7(), publicKey, keyId, tenantId }), true);
    }
    const taken = { id: uuidV7(), publicKey: first.publicKey, keyId, tenantId };
    assert.is(await catalog.insertAlias(taken), false);
    const rotated: WidgetKey = {
      ...key,
      publicKey: third,
      rotation: {
        firstPublicKey: key.publicKey,
        retired: [{ publicKey: second, until: 1_800_000_000_000 }],
      },
      revision: 2,
    };
    assert.is(await catalog.replaceKey(rotated, 1), true);
    for (const publicKey of [key.publicKey, second, third]) {
      assert.equal(await catalog.findKey(publicKey), rotated);
    }
    assert.equal(await catalog.findKeyById(keyId), rotated);
    assert.equal(await catalog.keysOf(tenantId), [rotated]);
    await catalog.deleteAliases(key, [second]);
    assert.is(await catalog.findKey(second), undefined);
    assert.equal(await catalog.findKey(third), rotated);
    await catalog.deleteAliases(key, 'all');
    await catalog.deleteKey(keyId);
    for (const publicKey of [key.publicKey, second, third]) {
      assert.is(await catalog.findKey(publicKey), undefined);
    }
    assert.equal(await catalog.findKey(first.publicKey), first);
  }));

test('widget keys: one from before there were identities and revisions verifies nobody, and is at the first revision', (at) =>
  withStores(at, async ({ catalog }) => {
    const key = newKey({ identity: 'required', identitySecretGeneration: 7 });
    await catalog.insertKey(key);
    assert.equal(await catalog.findKey(key.publicKey), key);
    const rows = at.db.collection<Doc>('widget_keys');
    const [stored] = await rows.find().toArray();
    assert.ok(stored);
    const { _id, identity, identitySecretGeneration, revision, ...row } = stored;
    assert.equal([identity, identitySecretGeneration, revision], ['required', 7, 1]);
    await rows.replaceOne({ _id }, row);
    const old = { ...key, identity: 'off', identitySecretGeneration: 1 };
    assert.equal(await catalog.findKey(key.publicKey), old);
    assert.is(await catalog.replaceKey({ ...key, revision: 2 }, 1), true);
  }));

test('identity secrets: one for a key, a stale generation, and what is found', (at) =>
  withStores(at, async ({ catalog }) => {
    const secret = newSecret();
    assert.is(await catalog.findIdentitySecret(secret.keyId), undefined);
    assert.is(await catalog.insertIdentitySecret(secret), true);
    assert.is(await catalog.insertIdentitySecret(newSecret({ keyId: secret.keyId })), false);
    assert.equal(await catalog.findIdentitySecret(secret.keyId), secret);
    const next = newSecret({ keyId: secret.keyId, generation: 3, kid: 'k2' });
    assert.is(await catalog.replaceIdentitySecret(next, 2), false);
    assert.is(await catalog.replaceIdentitySecret(next, 1), true);
    assert.is(await catalog.replaceIdentitySecret(secret, 1), false);
    assert.equal(await catalog.findIdentitySecret(secret.keyId), next);
    assert.is(await catalog.replaceIdentitySecret(newSecret(), 1), false);
  }));

test('identity secrets: of 32 who make or replace one at the same time, one does', (at) =>
  withStores(at, async ({ catalog }) => {
    const { keyId } = newSecret();
    for (const generation of [1, 2]) {
      const secrets = Array.from({ length: 32 }, () => newSecret({ keyId, generation }));
      const done = await Promise.all(
        secrets.map((one) =>
          generation === 1 ? catalog.insertIdentitySecret(one) : catalog.replaceIdentitySecret(one, 1),
        ),
      );
      assert.is(done.filter(Boolean).length, 1);
      assert.equal(await catalog.findIdentitySecret(keyId), secrets[done.indexOf(true)]);
    }
  }));
