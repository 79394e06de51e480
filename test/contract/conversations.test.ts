import { Binary, type Db } from 'mongodb';
import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import {
  applyChange,
  type ChangedRow,
  type Conversation,
  type ConversationQuery,
  type ConversationStore,
} from '../../src/conversations/conversation.js';
import { binaryToUuid } from '../../src/mongo/binary-uuid.js';
import { type AuditDocument, type Database, openDatabase } from '../../src/mongo/database.js';
import { mongoAudit } from '../../src/mongo/mongo-audit.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { newConversation } from './rows.js';
import { type At, contractSuite } from './server.js';

const test = await contractSuite("the conversations' store", { recordsStores: true });

const AT = 1_700_000_000_000;

/** `db` is the test's own way to the rows: what goes by `database` is recorded as sent by the service. */
type Body = (store: ConversationStore, database: Database, db: Db) => Promise<void>;

/** A test of the store, on a database of its own. */
function storeTest(name: string, body: Body, timeoutMs = 20_000): void {
  const run = async ({ db, uri }: At): Promise<void> => {
    const database = await openDatabase(uri, db.databaseName);
    try {
      await body(mongoConversations(database, Date.now), database, db);
    } finally {
      await database.close();
    }
  };
  test(name, run, { timeoutMs });
}

/** Writes conversations in an order that is nobody's. */
async function insertAll(store: ConversationStore, rows: readonly Conversation[]): Promise<void> {
  const shuffled = rows.toSorted((a, b) => (a.session.jti < b.session.jti ? -1 : 1));
  await Promise.all(shuffled.map((row) => store.insert(row)));
}

const many = (count: number, more: (n: number) => Partial<Conversation>): Conversation[] =>
  Array.from({ length: count }, (_, n) => newConversation(more(n)));
const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);
const byId = (rows: readonly Conversation[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** With every field that a conversation can have, and values that are odd in BSON. */
const full = newConversation({
  customerId: 'u\0$1.x',
  customerVerified: true,
  locale: 'en-GB',
  variables: {
    constructor: '$set',
    list: [[[[1.5, -0.25]]], null, true],
    text: 'a.b\0é😀',
    n: 2 ** 40 + 0.5,
  },
  attributes: { constructor: '$unset', plan: 'pro', order: [1, [null]] },
  origin: 'https://acme.com',
  surface: 'engine',
  idempotency: { requestHash: 'hash', until: AT + 600_000 },
  ttlSeconds: 86_400,
  continuations: [
    {
      id: uuidV7(),
      requestHash: 'another',
      until: AT + 700_000,
      session: { jti: 'a-b', iat: AT / 1000 + 60, exp: AT / 1000 + 7_200 },
    },
  ],
  expiresAt: AT / 1000 + 7_200,
  endedAt: AT + 123,
  updatedAt: AT + 123,
  revision: 2_000_000_000,
  changes: [
    { kind: 'refreshed', revision: 1_999_999_998, at: AT + 100 },
    { kind: 'updated', revision: 1_999_999_999, at: AT + 101 },
  ],
});

storeTest('find: what is there, as it was written; undefined for what is not', async (store) => {
  const plain = newConversation();
  await insertAll(store, [plain, full]);
  assert.equal(await store.find(plain.id), plain);
  assert.equal(await store.find(full.id), full);
  assert.is(await store.find(uuidV7()), undefined);
});

storeTest('find: 300 at the same time, some missing, some the same: each gets its own', async (store) => {
  const rows = many(150, (n) => ({ variables: { n } }));
  await insertAll(store, rows);
  const asked = rows.flatMap((row, n) => [row.id, n % 3 === 0 ? row.id : uuidV7()]);
  const found = await Promise.all(asked.map((id) => store.find(id)));
  const known = new Map(rows.map((row) => [row.id, row]));
  assert.is(found.length, 300);
  assert.equal(
    found,
    asked.map((id) => known.get(id)),
  );
});

storeTest('find: what was acknowledged is seen by the next find', async (store) => {
  for (let n = 0; n < 50; n++) {
    const row = newConversation();
    await store.insert(row);
    assert.equal(await store.find(row.id), row);
    const next = { ...row, revision: 2, locale: 'de' };
    assert.is(await store.replace(next, 1), true);
    assert.equal(await store.find(row.id), next);
  }
});

storeTest('findAll: those that there are, each once', async (store) => {
  const rows = many(250, () => ({}));
  await insertAll(store, [...rows, newConversation()]);
  const asked = [...idsOf(rows), uuidV7(), ...idsOf(rows.slice(0, 3))];
  assert.equal(byId(await store.findAll(asked)), byId(rows));
  assert.equal(await store.findAll([uuidV7()]), []);
  assert.equal(await store.findAll([]), []);
});

storeTest('replace: every field comes back as it was written, set or gone', async (store) => {
  const plain = newConversation({ id: full.id });
  await store.insert(plain);
  assert.is(await store.replace(full, plain.revision), true);
  assert.equal(await store.find(full.id), full);
  assert.is(await store.replace(plain, full.revision), true);
  assert.equal(await store.find(full.id), plain);
});

storeTest(
  'a row from before there were changes is at its first revision, and is changed once',
  async (store, _database, db) => {
    const row = newConversation();
    await store.insert(row);
    const conversations = db.collection('conversations');
    const stored = await conversations.findOne({});
    if (!stored) throw new Error('nothing is stored');
    const { _id, revision: _, ...old } = stored;
    await conversations.replaceOne({ _id }, old);

    assert.equal(await store.find(row.id), row);
    const [seen] = await store.changedSince(row.tenantId, 0, undefined, 10);
    assert.is(seen?.revision, 1);
    const next = { ...row, revision: 2, locale: 'fr' };
    for (const expected of [0, 2]) assert.is(await store.replace(next, expected), false);
    assert.is(await store.replace(next, 1), true);
    assert.is(await store.replace({ ...next, locale: 'de' }, 1), false);
    assert.equal(await store.find(row.id), next);
  },
);

storeTest('replace: a stale revision, one ahead, and a row that is gone change nothing', async (store) => {
  const row = newConversation({ revision: 5 });
  await store.insert(row);
  const next = { ...row, revision: 6, locale: 'fr' };
  for (const expected of [4, 6, 0, -1]) assert.is(await store.replace(next, expected), false);
  assert.equal(await store.find(row.id), row);
  const gone = newConversation();
  assert.is(await store.replace(gone, gone.revision), false);
  assert.is(await store.find(gone.id), undefined);
});

storeTest(
  'replace: of 64 who replace one revision at the same time, one does',
  async (store) => {
    let row = newConversation();
    await store.insert(row);
    for (let round = 0; round < 5; round++) {
      const nexts = Array.from({ length: 64 }, (_, n) => ({
        ...row,
        revision: row.revision + 1,
        variables: { round, n },
      }));
      const done = await Promise.all(nexts.map((next) => store.replace(next, row.revision)));
      assert.is(done.filter(Boolean).length, 1);
      const won = nexts[done.indexOf(true)];
      assert.equal(await store.find(row.id), won);
      row = won ?? row;
    }
  },
  60_000,
);

/** Newest first; of those opened at the same time the highest id. */
const listOrder = (a: Conversation, b: Conversation) =>
  b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

const tenantId = uuidV7();
const queryOf = (more: Partial<ConversationQuery> = {}): ConversationQuery => ({
  tenantId,
  verifiedOnly: false,
  limit: 1_000,
  ...more,
});

/** 60 conversations at 6 times, of two customers and none, some verified; and another tenant's at the same times. */
const listed = many(60, (n) => ({
  tenantId,
  createdAt: AT + Math.floor(n / 10) * 1_000,
  customerId: [undefined, 'u-1', 'u-2'][n % 3],
  customerVerified: n % 6 === 1,
}));
const strangers = many(20, (n) => ({
  createdAt: AT + n * 500,
  customerId: 'u-1',
  customerVerified: true,
}));

const LISTS: readonly (readonly [
  name: string,
  query: Partial<ConversationQuery>,
  matches: (row: Conversation) => boolean,
])[] = [
  ['all of the tenant', {}, () => true],
  ['of a customer', { customerId: 'u-1' }, (row) => row.customerId === 'u-1'],
  ['of a customer that nobody is', { customerId: 'u-3' }, () => false],
  ['of a customer named like an operator', { customerId: '$ne' }, () => false],
  ['verified ones', { verifiedOnly: true }, (row) => row.customerVerified],
  [
    'verified ones of a customer',
    { verifiedOnly: true, customerId: 'u-1' },
    (row) => row.customerVerified && row.customerId === 'u-1',
  ],
  ['opened from a time, which is included', { openedFrom: AT + 2_000 }, (row) => row.createdAt >= AT + 2_000],
  ['opened from a ms later', { openedFrom: AT + 2_001 }, (row) => row.createdAt >= AT + 3_000],
  ['opened before a time, which is not', { openedBefore: AT + 2_000 }, (row) => row.createdAt < AT + 2_000],
  ['opened before a ms later', { openedBefore: AT + 2_001 }, (row) => row.createdAt <= AT + 2_000],
  [
    'opened between two times',
    { openedFrom: AT + 1_000, openedBefore: AT + 3_000 },
    (row) => row.createdAt >= AT + 1_000 && row.createdAt < AT + 3_000,
  ],
  ['opened between a time and itself', { openedFrom: AT + 1_000, openedBefore: AT + 1_000 }, () => false],
  ['opened between two times the wrong way round', { openedFrom: AT + 3_000, openedBefore: AT }, () => false],
  ['from the year 1', { openedFrom: -62_135_596_800_000 }, () => true],
  ['before the year 10000', { openedBefore: 253_402_300_799_999 }, () => true],
  [
    'all filters at once',
    { customerId: 'u-1', verifiedOnly: true, openedFrom: AT + 1_000, openedBefore: AT + 5_000 },
    (row) =>
      row.customerId === 'u-1' &&
      row.customerVerified &&
      row.createdAt >= AT + 1_000 &&
      row.createdAt < AT + 5_000,
  ],
];

storeTest(
  'list: each filter, in order, and the same page by page, whatever the page',
  async (store) => {
    await insertAll(store, [...listed, ...strangers]);
    for (const [name, query, matches] of LISTS) {
      const expected = listed.filter(matches).sort(listOrder);
      assert.equal(await store.list(queryOf(query)), expected, name);
      for (const limit of [1, 7, 10]) {
        const pages: Conversation[] = [];
        for (;;) {
          const after = pages.at(-1);
          const page = await store.list(queryOf({ ...query, limit, after }));
          assert.ok(page.length <= limit);
          if (page.length === 0) break;
          pages.push(...page);
          assert.ok(pages.length <= expected.length, `${name}: more than there are`);
        }
        assert.equal(idsOf(pages), idsOf(expected), `${name}, ${limit} a page`);
      }
    }
  },
  60_000,
);

storeTest('list: what is opened while somebody turns pages makes none lost or double', async (store) => {
  await insertAll(store, listed);
  const first = await store.list(queryOf({ limit: 25 }));
  await insertAll(
    store,
    many(10, (n) => ({ tenantId, createdAt: AT + 90_000 + n })),
  );
  const rest = await store.list(queryOf({ after: first.at(-1) }));
  assert.equal(idsOf([...first, ...rest]), idsOf(listed.toSorted(listOrder)));
});

storeTest('list: a place where there is no row any more is a place all the same', async (store) => {
  await insertAll(store, listed);
  const order = listed.toSorted(listOrder);
  const place = order[14];
  if (!place) throw new Error('no such row');
  await store.erase(tenantId, place.customerId ?? 'u-1', 1_000, AT);
  const rest = await store.list(queryOf({ after: { createdAt: place.createdAt, id: place.id } }));
  const erased = place.customerId ?? 'u-1';
  assert.equal(idsOf(rest), idsOf(order.slice(15).filter((row) => row.customerId !== erased)));
});

storeTest('erase: at most as many as the limit, until it is complete', async (store) => {
  await insertAll(
    store,
    many(25, () => ({ tenantId, customerId: 'u-1' })),
  );
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 10, complete: false });
  assert.is((await store.list(queryOf())).length, 15);
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 10, complete: false });
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 5, complete: true });
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 0, complete: true });
});

storeTest('erase: exactly as many as the limit are complete one call later', async (store) => {
  await insertAll(
    store,
    many(10, () => ({ tenantId, customerId: 'u-1' })),
  );
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 10, complete: false });
  assert.equal(await store.erase(tenantId, 'u-1', 10, AT), { erased: 0, complete: true });
});

storeTest('erase: nobody else’s, of no other tenant, verified or not, ended or not', async (store) => {
  const theirs = [
    ...many(3, () => ({ tenantId, customerId: 'u-1' })),
    ...many(3, () => ({ tenantId, customerId: 'u-1', customerVerified: true })),
    ...many(3, () => ({ tenantId, customerId: 'u-1', endedAt: AT + 9 })),
  ];
  const others = [
    newConversation({ tenantId }),
    ...['u-2', 'u-1 ', 'U-1', 'u-10', '', '$ne'].map((customerId) =>
      newConversation({ tenantId, customerId }),
    ),
    newConversation({ customerId: 'u-1' }),
  ];
  await insertAll(store, [...theirs, ...others]);
  assert.equal(await store.erase(tenantId, 'u-1', 1_000, AT), { erased: 9, complete: true });
  for (const row of theirs) assert.is(await store.find(row.id), undefined);
  assert.equal(byId(await store.findAll(idsOf(others))), byId(others));
});

storeTest('erase: two at the same time erase each row once', async (store) => {
  await insertAll(
    store,
    many(100, () => ({ tenantId, customerId: 'u-1' })),
  );
  const both = await Promise.all([
    store.erase(tenantId, 'u-1', 200, AT),
    store.erase(tenantId, 'u-1', 200, AT),
  ]);
  assert.is(
    both.reduce((sum, { erased }) => sum + erased, 0),
    100,
  );
  assert.equal(await store.list(queryOf()), []);
});

storeTest('erase: a change that comes too late does not bring a row back', async (store) => {
  const row = newConversation({ tenantId, customerId: 'u-1' });
  await store.insert(row);
  await store.erase(tenantId, 'u-1', 10, AT);
  assert.is(await store.replace({ ...row, revision: 2 }, 1), false);
  assert.is(await store.find(row.id), undefined);
});

/** In the order of (updatedAt, id), without what a watcher has by then. */
const changesOf = (rows: readonly Conversation[]): ChangedRow[] =>
  rows
    .toSorted((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1))
    .map(({ id, revision, updatedAt }) => ({ id, revision, updatedAt }));

/** 40 at 5 times, opened in another order than changed. */
const watched = many(40, (n) => ({
  tenantId,
  createdAt: AT - n,
  updatedAt: AT + (n % 5) * 1_000,
  revision: n + 1,
}));

storeTest(
  'changedSince: in the order of (updatedAt, id), of this tenant alone, from a time on',
  async (store) => {
    await insertAll(store, [...watched, ...many(10, () => ({ updatedAt: AT + 1_000 }))]);
    const expected = changesOf(watched);
    const FROM = [AT - 1, AT, AT + 1, AT + 2_000, AT + 4_000, AT + 4_001];
    for (const from of FROM) {
      assert.equal(
        await store.changedSince(tenantId, from, undefined, 1_000),
        expected.filter(({ updatedAt }) => updatedAt >= from),
        `from ${from - AT}`,
      );
    }
    assert.equal(await store.changedSince(uuidV7(), AT, undefined, 1_000), []);
  },
);

/** As they are in use: some as they were opened, others changed at once, soon or later. */
const opened = many(60, (n) => {
  const createdAt = AT + (n % 20) * 100;
  return n % 2 === 0
    ? { tenantId, createdAt, updatedAt: createdAt, revision: 1 }
    : { tenantId, createdAt, updatedAt: createdAt + (n % 3) * 700, revision: 2 };
});

for (const [name, rows] of Object.entries({ changed: watched, 'changed and not': opened })) {
  storeTest(
    `changedSince: page by page none is lost or double, over equal times too (${name})`,
    async (store) => {
      await insertAll(store, rows);
      const expected = changesOf(rows);
      for (const limit of [1, 7, 8, 40]) {
        const pages: ChangedRow[] = [];
        for (;;) {
          const page = await store.changedSince(tenantId, AT, pages.at(-1), limit);
          if (page.length === 0) break;
          pages.push(...page);
          assert.ok(pages.length <= expected.length, 'more than there are');
        }
        assert.equal(pages, expected, `${limit} a page`);
      }
    },
  );
}

storeTest('changedSince: a conversation that changes again moves behind', async (store) => {
  await insertAll(store, watched);
  const [first] = changesOf(watched);
  const row = watched.find(({ id }) => id === first?.id);
  if (!row) throw new Error('no such row');
  const clock = { date: () => AT + 60_000, retentionSeconds: 1 };
  assert.is(await store.replace(applyChange(row, 'refreshed', clock), row.revision), true);
  const since = await store.changedSince(tenantId, AT, undefined, 1_000);
  assert.is(since.length, watched.length);
  assert.equal(since.at(-1), { id: row.id, revision: row.revision + 1, updatedAt: AT + 60_000 });
  assert.equal(await store.changedSince(tenantId, AT + 5_000, undefined, 10), since.slice(-1));
});

/** The audit, in the order of its ids; the service itself cannot read it. */
const auditRows = (db: Db) => db.collection<AuditDocument>('audit').find().sort({ _id: 1 }).toArray();

storeTest(
  'audit: an entry for each call, with what is known and nothing else',
  async (_store, database, db) => {
    let count = 0;
    const newId = () => `0193aa00-0000-7000-8000-00000000000${++count}`;
    const audit = mongoAudit(database, { now: () => AT, newId });
    const caller = { name: 'support', scopes: new Set(['read'] as const), tenants: 'all' } as const;
    await audit.add(
      { caller, requestId: 'r-1' },
      { action: 'ListConversations', tenantId, tenant: 'acme', count: 7 },
    );
    await audit.add(
      { caller: undefined, requestId: 'r-2' },
      { action: 'EraseCustomer', tenantId, tenant: 'acme', phase: 'started' },
    );
    const rows = await auditRows(db);
    const readable = rows.map(({ _id, tenantId: owner, ...row }) => {
      assert.instance(owner, Binary);
      return { id: binaryToUuid(_id), tenantId: binaryToUuid(owner), ...row };
    });
    assert.equal(readable, [
      {
        id: '0193aa00-0000-7000-8000-000000000001',
        tenantId,
        at: new Date(AT),
        caller: 'support',
        requestId: 'r-1',
        action: 'ListConversations',
        tenant: 'acme',
        count: 7,
      },
      {
        id: '0193aa00-0000-7000-8000-000000000002',
        tenantId,
        at: new Date(AT),
        requestId: 'r-2',
        action: 'EraseCustomer',
        tenant: 'acme',
        phase: 'started',
      },
    ]);
  },
);

storeTest('audit: 100 at the same time are 100 entries', async (_store, database, db) => {
  const audit = mongoAudit(database, { now: () => AT, newId: uuidV7 });
  const entry = { action: 'GetConversation', tenantId, tenant: 'acme', count: 1 };
  const call = (n: number) => ({ caller: undefined, requestId: `r-${n}` });
  await Promise.all(Array.from({ length: 100 }, (_, n) => audit.add(call(n), entry)));
  const rows = await auditRows(db);
  assert.is(new Set(rows.map(({ requestId }) => requestId)).size, 100);
});
