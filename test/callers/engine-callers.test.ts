import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { hashOfToken } from '../../src/callers/engine-token.js';
import { Catalog } from '../../src/gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { SCOPES, type Scope } from '../../src/rpc/call.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { type EngineClient, engineClient } from './engine-client.js';

const test = suite('engine callers');

/** A key of the tenant acme, and one of globex. */
const ACME_KEY = 'pk_live_00000000000000000000000000000001';
const GLOBEX_KEY = 'pk_live_00000000000000000000000000000006';
const CUSTOMER = 'customer-5ec0de';

const FLOW = { slug: 'new', intent: { name: 'new', displayLabel: 'New' } };
const newWidgetKey = () => ({ name: `key-${randomUUID()}`, allowMissingOrigin: true });

/** A session of a customer of acme. */
interface Session {
  readonly token: string;
  readonly conversationId: string;
}

/** Each RPC: its scope, and a request that is about acme. */
const RPCS: readonly (readonly [
  rpc: string,
  scope: Scope,
  request: (session: Session) => object,
  /** How the request says that it is about acme. */
  by: 'key' | 'session' | 'token' | 'tenant',
])[] = [
  ['OpenSession', 'open', () => ({ publicKey: ACME_KEY, customerId: CUSTOMER }), 'key'],
  ['GetSession', 'open', () => ({}), 'session'],
  ['RefreshSession', 'open', () => ({}), 'session'],
  ['EndSession', 'open', () => ({}), 'session'],
  ['VerifySession', 'verify', ({ token }) => ({ token }), 'token'],
  ['GetConversation', 'read', ({ conversationId }) => ({ tenant: 'acme', conversationId }), 'tenant'],
  ['ListConversations', 'read', () => ({ tenant: 'acme', customerId: CUSTOMER }), 'tenant'],
  ['UpdateConversation', 'write', ({ conversationId }) => ({ tenant: 'acme', conversationId }), 'tenant'],
  ['EndConversation', 'write', ({ conversationId }) => ({ tenant: 'acme', conversationId }), 'tenant'],
  ['EndCustomerSessions', 'write', () => ({ tenant: 'acme', customerId: CUSTOMER }), 'tenant'],
  ['EraseCustomer', 'erase', () => ({ tenant: 'acme', customerId: CUSTOMER }), 'tenant'],
  ['ExportCustomer', 'read', () => ({ tenant: 'acme', customerId: CUSTOMER }), 'tenant'],
  ['WatchConversations', 'read', () => ({ tenant: 'acme' }), 'tenant'],
  ['UpsertFlow', 'catalog', () => ({ tenant: 'acme', flow: FLOW }), 'tenant'],
  ['PublishFlow', 'catalog', () => ({ tenant: 'acme', flow: 'store-hours' }), 'tenant'],
  ['UnpublishFlow', 'catalog', () => ({ tenant: 'acme', flow: 'store-hours' }), 'tenant'],
  ['DeleteFlow', 'catalog', () => ({ tenant: 'acme', flow: 'no-such-flow' }), 'tenant'],
  ['ExportTenant', 'read', () => ({ tenant: 'acme' }), 'tenant'],
  ['ListFlows', 'read', () => ({ tenant: 'acme' }), 'tenant'],
  ['SetQuickQuestions', 'catalog', () => ({ tenant: 'acme', quickQuestions: [] }), 'tenant'],
  ['CreateWidgetKey', 'catalog', () => ({ tenant: 'acme', widgetKey: newWidgetKey() }), 'tenant'],
  ['ListWidgetKeys', 'read', () => ({ tenant: 'acme' }), 'tenant'],
  [
    'RotateWidgetKey',
    'catalog',
    () => ({ tenant: 'acme', name: 'disabled', overlap: { seconds: 0n } }),
    'tenant',
  ],
  ['SetWidgetKeyEnabled', 'catalog', () => ({ tenant: 'acme', name: 'disabled', enabled: false }), 'tenant'],
  ['ListOriginReports', 'read', () => ({ tenant: 'acme', name: 'disabled' }), 'tenant'],
  ['RevokeWidgetKey', 'catalog', () => ({ tenant: 'acme', name: 'no-such-key' }), 'tenant'],
];
const STREAMS = new Set(
  ChatSessions.methods.flatMap(({ name, methodKind }) => (methodKind === 'unary' ? [] : name)),
);

const tokenOf = (name: string): string => `cse_token-of-${name}`;
const as = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });

const CALLERS = [
  // One with each scope alone, and one with all but that.
  ...SCOPES.map((scope) => ({ name: `only-${scope}`, tenants: 'all', scopes: [scope] })),
  ...SCOPES.map((scope) => ({
    name: `not-${scope}`,
    tenants: 'all',
    scopes: SCOPES.filter((other) => other !== scope),
  })),
  { name: 'globex', tenants: ['globex'], scopes: SCOPES },
  { name: 'acme', tenants: ['globex', 'acme'], scopes: SCOPES },
  {
    name: 'rotating',
    tenants: 'all',
    scopes: SCOPES,
    tokenHashes: [hashOfToken('cse_token-before'), hashOfToken('cse_token-after')],
  },
].map((caller) => ({ tokenHashes: [hashOfToken(tokenOf(caller.name))], ...caller }));

let service: TestApp;
let client: EngineClient;

test.before(async () => {
  const file = join(await tempDir(), 'callers.yaml');
  await writeFile(file, stringify({ callers: CALLERS }));
  service = await startTestApp({
    env: { ENGINE_CALLERS_FILE: file, ENGINE_API_TOKENS: `boss:${tokenOf('boss')}` },
  });
  client = engineClient(service.grpcTarget);
});
test.after(async () => {
  client.close();
  await service.close();
});

async function open(publicKey = ACME_KEY): Promise<Session> {
  const { response } = await client.call('OpenSession', { publicKey, customerId: CUSTOMER }, as('boss'));
  return {
    token: String(response['sessionToken']),
    conversationId: String(response['conversationId']),
  };
}

/** Calls an RPC about a session of acme. */
async function call(rpc: string, caller: string, session: Session, change: object = {}) {
  const row = RPCS.find(([name]) => name === rpc);
  if (!row) throw new Error(`no row ${rpc}`);
  const request = { ...row[2](session), ...change };
  return client.call(rpc, request, { ...as(caller), 'chat-session-token': session.token });
}

test('these tests have a row for each RPC, and for each of the catalogue that names its tenant by a field', () => {
  // DeleteTenant needs two scopes: see tenant-callers.test.ts.
  const ofCatalog = Catalog.methods.filter(
    ({ name, input }) => name !== 'DeleteTenant' && input.fields.some((field) => field.name === 'tenant'),
  );
  assert.equal(
    RPCS.map(([rpc]) => rpc).sort(),
    [...ChatSessions.methods, ...ofCatalog].map(({ name }) => name).sort(),
  );
});

for (const [rpc, scope] of RPCS) {
  test(`${rpc}: a caller with every scope but ${scope} is refused`, async () => {
    const { code, reason, message } = await call(rpc, `not-${scope}`, await open());
    assert.equal([code, reason], ['PERMISSION_DENIED', 'permission_denied']);
    assert.is(message, `This caller may not do this: it needs the scope ${scope}.`);
  });

  // Served streams are tested in test/grpc.
  if (STREAMS.has(rpc)) continue;
  test(`${rpc}: a caller with the scope ${scope} alone is served`, async () => {
    const { code, message } = await call(rpc, `only-${scope}`, await open());
    assert.is(code, 'OK', message);
  });

  test(`${rpc}: a caller of ENGINE_API_TOKENS is served`, async () => {
    assert.is((await call(rpc, 'boss', await open())).code, 'OK');
  });
}

for (const [rpc, , , by] of RPCS) {
  test(`${rpc}: a caller of another tenant is refused, by the ${by}`, async () => {
    const { code, reason, message } = await call(rpc, 'globex', await open());
    assert.equal([code, reason], ['PERMISSION_DENIED', 'permission_denied']);
    assert.is(message, 'This caller may not work for this tenant.');
  });

  if (STREAMS.has(rpc)) continue;
  test(`${rpc}: a caller of this tenant and another is served`, async () => {
    assert.is((await call(rpc, 'acme', await open())).code, 'OK');
  });
}

for (const [rpc] of RPCS.filter(([, , , by]) => by === 'tenant')) {
  test(`${rpc}: who may not work for a tenant is not told whether there is one`, async () => {
    const session = await open();
    const [there, notThere] = await Promise.all([
      call(rpc, 'globex', session),
      call(rpc, 'globex', session, { tenant: 'no-such-tenant' }),
    ]);
    assert.equal(there, notThere);
  });
}

test("a caller's own tenant does not have another's conversation", async () => {
  const session = await open();
  for (const rpc of ['GetConversation', 'UpdateConversation', 'EndConversation']) {
    const { reason } = await call(rpc, 'globex', session, { tenant: 'globex' });
    assert.is(reason, 'not_found', rpc);
  }
});

test('a caller of another tenant has not ended, erased or changed anything', async () => {
  const session = await open();
  for (const [rpc] of RPCS) await call(rpc, 'globex', session);
  const { response } = await call('GetConversation', 'boss', session);
  const { revision, endedAt } = Object(response['conversation']);
  assert.equal([revision, endedAt], [1, undefined]);
});

test('who is not let in learns nothing of the request', async () => {
  const bad = { tenant: '!', conversationId: '!' };
  const session = await open();
  assert.is((await call('GetConversation', 'nobody', session, bad)).reason, 'unauthenticated');
  assert.is((await call('GetConversation', 'not-read', session, bad)).reason, 'permission_denied');
  assert.is((await call('GetConversation', 'only-read', session, bad)).reason, 'invalid_input');
});

test('without a token nobody is let in to any RPC', async () => {
  for (const [rpc] of RPCS) {
    const { code, reason } = await client.call(rpc, {});
    assert.equal([code, reason], ['UNAUTHENTICATED', 'unauthenticated'], rpc);
  }
});

test('while a token is being replaced both are good, and both are the same caller', async () => {
  const idempotencyKey = 'an-idempotency-key-of-one-caller';
  const open = (token: string) =>
    client.call(
      'OpenSession',
      { publicKey: ACME_KEY },
      { authorization: `Bearer ${token}`, 'idempotency-key': idempotencyKey },
    );
  const before = await open('cse_token-before');
  assert.is(before.code, 'OK');
  assert.equal(await open('cse_token-after'), before);
  assert.is((await open('cse_token-never')).reason, 'unauthenticated');
});

/** What the service logged of the calls that something makes. */
async function linesOf(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const from = service.logged().length;
  await work();
  return service
    .logged()
    .slice(from)
    .map((line) => JSON.parse(line));
}

const LINES: readonly (readonly [name: string, caller: string, rpc: string, change: object, code: string])[] =
  [
    ['a call that is answered', 'only-read', 'GetConversation', {}, 'ok'],
    ['a caller without the scope', 'not-read', 'GetConversation', {}, 'permission_denied'],
    ['a caller of another tenant', 'globex', 'GetConversation', {}, 'permission_denied'],
    ['a rule that is broken', 'only-read', 'GetConversation', { tenant: '!' }, 'validation_failed'],
    ['what is not there', 'only-read', 'GetConversation', { tenant: 'no-such-tenant' }, 'not_found'],
    ['a bad session token', 'only-verify', 'VerifySession', { token: 'x' }, 'invalid_session_token'],
  ];
for (const [name, caller, rpc, change, code] of LINES) {
  test(`the log line has the caller's name: ${name}`, async () => {
    const session = await open();
    const lines = await linesOf(() => call(rpc, caller, session, change));
    assert.equal(
      lines.map((line) => [line['caller'], line['rpc'], line['code']]),
      [[caller, rpc, code]],
    );
  });
}

test('the log line of who is not known has no caller', async () => {
  const session = await open();
  const lines = await linesOf(() => call('GetConversation', 'nobody', session));
  assert.equal(
    lines.map((line) => ['caller' in line, line['code']]),
    [[false, 'unauthenticated']],
  );
});

test('no log line has a token, a hash or a customer', () => {
  const text = service.logged().join('');
  assert.match(text, 'only-read');
  assert.not.match(text, /cse_|sha256|5ec0de|eyJ/);
});

test('a browser needs no engine token, and none is asked of it', async () => {
  const answer = await fetch(`${service.httpUrl}/api/public/v1/chat/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://globex.example' },
    body: JSON.stringify({ publicKey: GLOBEX_KEY }),
  });
  assert.is(answer.status, 200);
  await answer.text();
});

const VOUCHED = { customerVerified: true };
test('a caller with the scope open alone may not vouch for a customer', async () => {
  const { code, reason, message } = await call('OpenSession', 'only-open', await open(), VOUCHED);
  assert.equal([code, reason], ['PERMISSION_DENIED', 'permission_denied']);
  assert.is(message, 'This caller may not do this: it needs the scope vouch.');
});

test('the scope vouch alone opens nothing', async () => {
  const { code } = await call('OpenSession', 'only-vouch', await open(), VOUCHED);
  assert.is(code, 'PERMISSION_DENIED');
});

for (const caller of ['not-read', 'boss']) {
  test(`a caller with both scopes vouches: ${caller}`, async () => {
    const session = await open();
    const { response } = await call('OpenSession', caller, session, VOUCHED);
    const verified = await client.call('VerifySession', { token: response['sessionToken'] }, as('boss'));
    assert.equal([verified.response['customerId'], verified.response['customerVerified']], [CUSTOMER, true]);
  });
}
