import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import type { Document } from 'mongodb';
import * as assert from 'uvu/assert';
import { applyTenantFile } from '../../src/app/seed.js';
import { StartError } from '../../src/app/start-error.js';
import { createIdentitySecrets } from '../../src/catalog/identity-secrets.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { engineClient } from '../callers/engine-client.js';
import { memoryCatalog } from '../catalog/memory-catalog.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { repoFile } from '../harness/repo-file.js';

const test = suite('audit');

const KEY = 'pk_live_00000000000000000000000000000001';
const CUSTOMER = 'customer-5ec0de';
const NOW = Date.UTC(2027, 0, 1, 12);
const SEED = repoFile('test/cases/open-session.seed.yaml');

/** The audit, in the order in which it was written. */
function rowsOf(app: TestApp): Promise<Document[]> {
  return app.withDatabase((client, name) =>
    client.db(name).collection('audit').find().sort({ _id: 1 }).toArray(),
  );
}

/** A row without what is its own: its id, its tenant's id and its time. */
const plain = ({ _id, tenantId, at, ...rest }: Document): object => rest;

/** What a call adds: of the tenant acme, by the caller boss, for the request r. */
const entry = (action: string, more: object = {}): object => ({
  caller: 'boss',
  requestId: 'r-1',
  action,
  tenant: 'acme',
  ...more,
});

interface Session {
  readonly customerId: string;
  readonly token: string;
  readonly conversationId: string;
}
type Request = (session: Session) => object;

/** Calls, each about a session of its own, and what each adds. */
const CALLS: (readonly [name: string, rpc: string, request: Request, added: readonly object[]])[] = [
  ['opening', 'OpenSession', () => ({ publicKey: KEY, customerId: CUSTOMER }), []],
  ['looking at a session', 'GetSession', () => ({}), []],
  ['refreshing', 'RefreshSession', () => ({}), []],
  ['verifying', 'VerifySession', ({ token }) => ({ token }), []],
  ['a bad token', 'VerifySession', () => ({ token: 'x' }), []],
  ['ending a session', 'EndSession', () => ({}), []],
  [
    'reading a conversation',
    'GetConversation',
    ({ conversationId }) => ({ tenant: 'acme', conversationId }),
    [entry('GetConversation', { count: 1 })],
  ],
  [
    "another tenant's conversation",
    'GetConversation',
    ({ conversationId }) => ({ tenant: 'globex', conversationId }),
    [],
  ],
  ['a rule that is broken', 'GetConversation', () => ({ tenant: 'acme', conversationId: '!' }), []],
  [
    'a list of two',
    'ListConversations',
    () => ({ tenant: 'acme', pageSize: 2 }),
    [entry('ListConversations', { count: 2 })],
  ],
  [
    'a list of none',
    'ListConversations',
    () => ({ tenant: 'acme', customerId: 'nobody' }),
    [entry('ListConversations', { count: 0 })],
  ],
  ['a list of no tenant', 'ListConversations', () => ({ tenant: 'no-such-tenant' }), []],
  [
    'changing variables',
    'UpdateConversation',
    ({ conversationId }) => ({ tenant: 'acme', conversationId, variables: { a: 'secret-5ec0de' } }),
    [],
  ],
  [
    'ending a conversation',
    'EndConversation',
    ({ conversationId }) => ({ tenant: 'acme', conversationId }),
    [],
  ],
  [
    'erasing one',
    'EraseCustomer',
    ({ customerId }) => ({ tenant: 'acme', customerId }),
    [entry('EraseCustomer', { phase: 'started' }), entry('EraseCustomer', { phase: 'finished', count: 1 })],
  ],
  [
    'erasing none',
    'EraseCustomer',
    () => ({ tenant: 'acme', customerId: 'nobody' }),
    [entry('EraseCustomer', { phase: 'started' }), entry('EraseCustomer', { phase: 'finished', count: 0 })],
  ],
];

/** Calls that change the catalogue of acme, one after the other, and how much each changes. */
const CHANGES: readonly (readonly [rpc: string, request: object, count: number])[] = [
  ['UpsertFlow', { flow: { slug: 'new', intent: { name: 'new', displayLabel: 'New' } } }, 1],
  ['UpsertFlow', { flow: { slug: 'new', intent: { name: 'new', displayLabel: 'New' } } }, 0],
  ['PublishFlow', { flow: 'new' }, 1],
  ['UnpublishFlow', { flow: 'new' }, 1],
  ['UnpublishFlow', { flow: 'none' }, 0],
  ['DeleteFlow', { flow: 'new' }, 1],
  ['DeleteFlow', { flow: 'new' }, 0],
  ['SetQuickQuestions', { quickQuestions: [] }, 1],
  ['CreateWidgetKey', { widgetKey: { name: 'new', allowMissingOrigin: true } }, 1],
  ['RotateWidgetKey', { name: 'new' }, 1],
  ['SetWidgetKeyEnabled', { name: 'new', enabled: false }, 1],
  ['SetWidgetKeyEnabled', { name: 'new', enabled: false }, 0],
  ['RevokeWidgetKey', { name: 'new' }, 1],
  ['RevokeWidgetKey', { name: 'new' }, 0],
];
for (const [rpc, request, count] of CHANGES) {
  CALLS.push([
    `a change of the catalogue by ${count}`,
    rpc,
    () => ({ tenant: 'acme', ...request }),
    count === 0 ? [] : [entry(rpc, { phase: 'started' }), entry(rpc, { phase: 'finished', count })],
  ]);
}
CALLS.push(['a list of four', 'ListFlows', () => ({ tenant: 'acme' }), [entry('ListFlows', { count: 4 })]]);
CALLS.push([
  'an export of flows, questions and keys',
  'ExportTenant',
  () => ({ tenant: 'acme' }),
  [entry('ExportTenant', { count: 11 })],
]);
CALLS.push(['a list of tenants', 'ListTenants', () => ({}), []]);
const DEFINITION = { slug: 'acme', name: 'Acme Ltd.' };
CALLS.push([
  'what would be applied',
  'ApplyTenant',
  () => ({ definition: DEFINITION, validateOnly: true }),
  [],
]);
CALLS.push([
  'what is applied: a name, and four flows less',
  'ApplyTenant',
  () => ({ definition: DEFINITION }),
  [entry('ApplyTenant', { phase: 'started' }), entry('ApplyTenant', { phase: 'finished', count: 5 })],
]);
CALLS.push(['what is applied again', 'ApplyTenant', () => ({ definition: DEFINITION }), []]);
CALLS.push([
  'a list of seven',
  'ListWidgetKeys',
  () => ({ tenant: 'acme' }),
  [entry('ListWidgetKeys', { count: 7 })],
]);

const calls = suite('audit of calls');
let service: TestApp;
let customers = 0;
calls.before(async () => {
  service = await startTestApp({
    env: { ENGINE_API_TOKENS: 'boss:boss-token-0123456789' },
    now: () => NOW,
  });
});
calls.after(() => service.close());

const BOSS = { authorization: 'Bearer boss-token-0123456789', 'x-request-id': 'r-1' };

for (const [name, rpc, request, added] of CALLS) {
  calls(`${name}: ${rpc} adds ${added.length}`, async () => {
    const client = engineClient(service.grpcTarget);
    const customerId = `${CUSTOMER}-${++customers}`;
    const opened = await client.call('OpenSession', { publicKey: KEY, customerId }, BOSS);
    const session = {
      customerId,
      token: String(opened.response['sessionToken']),
      conversationId: String(opened.response['conversationId']),
    };
    const before = await rowsOf(service);
    await client.call(rpc, request(session), { ...BOSS, 'chat-session-token': session.token });
    const after = await rowsOf(service);
    client.close();

    // What was there is there, as it was.
    assert.equal(after.slice(0, before.length), before);
    assert.equal(after.slice(before.length).map(plain), added);
    for (const row of after.slice(before.length)) {
      assert.is(row['at'].getTime(), NOW);
      const [acme] = after.filter(({ action, tenant }) => action === 'ApplyTenantFile' && tenant === 'acme');
      assert.equal(row['tenantId'], acme?.['tenantId']);
    }
  });
}

calls('a call of nobody in particular, where nobody need say who they are', async () => {
  const open = await startTestApp();
  const client = engineClient(open.grpcTarget);
  await client.call('ListConversations', { tenant: 'acme' });
  const rows = await rowsOf(open);
  const last = plain(rows.at(-1) ?? {});
  assert.not('caller' in last);
  client.close();
  await open.close();
});

calls('no entry has a customer, a variable, a token or a conversation', async () => {
  const text = JSON.stringify((await rowsOf(service)).map(plain));
  assert.match(text, 'EraseCustomer');
  assert.not.match(text, /5ec0de|eyJ|boss-token|sha256|[0-9a-f]{8}-[0-9a-f]{4}/);
});

const catalogue = suite('audit of the tenant file');

const applied = (tenant: string, count: number): object[] => {
  const entry = { requestId: 'start', action: 'ApplyTenantFile', tenant };
  return [
    { ...entry, phase: 'started' },
    { ...entry, phase: 'finished', count },
  ];
};

catalogue(
  'what a start writes is in the audit, and an unchanged tenant is not',
  async () => {
    const seed = join(await tempDir(), 'seed.yaml');
    const text = await readFile(SEED, 'utf8');
    await writeFile(seed, text);
    const env = { SEED_FILE: seed, DATA_DIR: await tempDir(), MONGODB_DB: `test_audit_${process.pid}` };
    const runs: readonly (readonly [text: string, added: readonly object[]])[] = [
      // The name, four flows, four questions and seven keys; a name, a flow and a key.
      [text, [...applied('acme', 16), ...applied('globex', 3)]],
      [text, []],
      [text.replace('name: Globex', 'name: Globex Ltd.'), applied('globex', 1)],
      [
        text.replace('name: Globex', 'name: Globex Ltd.').replace('label: Everything', 'label: All'),
        applied('acme', 1),
      ],
    ];
    const expected: object[] = [];
    for (const [i, [content, added]] of runs.entries()) {
      await writeFile(seed, content);
      const app = await startTestApp({ env });
      expected.push(...added);
      const rows = await rowsOf(app);
      assert.equal(rows.map(plain), expected);
      const tenants = await app.withDatabase((client, name) => {
        return client.db(name).collection('tenants').find().toArray();
      });
      for (const row of rows) {
        assert.equal(row['tenantId'], tenants.find(({ slug }) => slug === row['tenant'])?._id);
      }
      if (i === runs.length - 1) {
        await app.withDatabase((client, name) => client.db(name).dropDatabase());
      }
      await app.close();
    }
  },
  { timeoutMs: 30_000 },
);

catalogue('what cannot be written down is not done, and the start fails', async () => {
  const down = new ServiceError('unavailable', 'The database does not answer at the moment.');
  const { catalog, written } = memoryCatalog();
  const parts = {
    catalog,
    announce: async () => void written.push('announced'),
    newId: () => '00000000-0000-4000-8000-000000000001',
    now: Date.now,
    audit: { add: () => Promise.reject(down) },
    identitySecrets: createIdentitySecrets({ keyring: async () => [], randomBytes }),
  };
  const failure = await applyTenantFile(SEED, parts).catch((error: unknown) => error);
  assert.instance(failure, StartError);
  assert.equal(written, []);
});

test('nothing in src does anything to the audit but add to it', () => {
  const sources = readdirSync(repoFile('src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('gen/'))
    .map((path) => readFileSync(repoFile(`src/${path}`), 'utf8'));
  const methods = sources.flatMap((text) =>
    [...text.matchAll(/\baudit\??\.(\w+)\(/g)].map(([, name]) => name),
  );
  // `createIndex` and `insertOne` are the driver's; the others add entries.
  assert.equal([...new Set(methods)].sort(), [
    'add',
    'bracket',
    'bracketStream',
    'createIndex',
    'done',
    'insertOne',
  ]);
  // The collection is got at in one place, and none is got at by a name that is not written there.
  const gotAt = sources.flatMap((text) => [...text.matchAll(/\.collection(?:<\w+>)?\(([^)]*)\)/g)]);
  const names = gotAt.map(([, name = '']) => name.trim());
  assert.is(names.filter((name) => name === "'audit'").length, 1);
  assert.ok(
    names.every((name) => /^'\w+'$/.test(name)),
    names.join(),
  );
  for (const text of sources) assert.not.match(text, /\.(dropDatabase|dropCollection|renameCollection)\(/);
});

test('no entry is removed when its time is over: there is no such index', async () => {
  const app = await startTestApp();
  try {
    const indexes = await app.withDatabase((client, name) => client.db(name).collection('audit').indexes());
    assert.ok(indexes.length > 1);
    assert.equal(
      indexes.filter((index) => 'expireAfterSeconds' in index),
      [],
    );
  } finally {
    await app.close();
  }
});
