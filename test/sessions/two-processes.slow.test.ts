import { randomBytes } from 'node:crypto';
import { suite, tempDir, until } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';
import { changeTenant, type DatabaseName } from '../harness/tenants.js';
import type { Answer } from '../parity/answer.js';
import { callOver, textOf } from '../parity/call.js';
import type { Target } from '../parity/transports.js';
import { memberAt } from '../parity/values.js';

/** Two processes of the service on one database, as behind a load balancer. */
const test = suite('two processes');

interface Process extends Target {
  readonly service: ServiceProcess;
}

let database: DatabaseName;
let a: Process;
let b: Process;

const SETTINGS = {
  SEED_FILE: repoFile('test/cases/open-session.seed.yaml'),
  SESSION_SIGNING_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  MONGODB_DB: `test_${randomBytes(8).toString('hex')}`,
};

async function startProcess(env: Record<string, string>): Promise<Process> {
  const service = await startService({ ...SETTINGS, ...env });
  const httpUrl = await httpUrlOf(service);
  const [, grpcTarget = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
  return { service, httpUrl, grpcTarget };
}

test.before(async () => {
  const external = process.env['MONGODB_URI'];
  const dataDir = await tempDir();
  // Without a database of its own the first process has the embedded server, and the second is a client of it too.
  a = await startProcess(external === undefined ? { DATA_DIR: dataDir } : { MONGODB_URI: external });
  const socket = encodeURIComponent(`${dataDir}/embedded/mongodb.sock`);
  const uri = external ?? `mongodb://${socket}/?directConnection=true`;
  b = await startProcess({ MONGODB_URI: uri });
  database = { uri, name: SETTINGS.MONGODB_DB };
});
test.after(async () => {
  b?.service.child.kill('SIGTERM');
  await b?.service.exited;
  if (process.env['MONGODB_URI'] !== undefined) {
    const client = new MongoClient(database.uri);
    await client.db(database.name).dropDatabase();
    await client.close();
  }
  a?.service.child.kill('SIGTERM');
  assert.is(await a?.service.exited, 0);
});

const KEY = 'pk_live_00000000000000000000000000000001';

async function open(at: Process, more: Record<string, unknown> = {}) {
  const opened = await callOver('public path', at, 'OpenSession', { request: { publicKey: KEY, ...more } });
  const session = textOf(opened, 'sessionToken');
  return { session, conversationId: textOf(opened, 'conversationId') };
}

function good(answer: Answer): Answer {
  assert.is(answer.reason, undefined, answer.raw);
  return answer;
}

async function variablesAt(at: Process, conversationId: string): Promise<unknown> {
  const named = { request: { tenant: 'acme', conversationId } };
  const { body } = good(await callOver('gRPC', at, 'GetConversation', named));
  return memberAt(body, 'conversation.untrusted.variables');
}

test('what one opens the other knows, and what one changes the other sees', async () => {
  const { session, conversationId } = await open(a, { locale: 'de', variables: { page: '/' } });
  const atA = good(await callOver('public path', a, 'GetSession', { session }));
  const atB = good(await callOver('public path', b, 'GetSession', { session }));
  assert.equal(atB.body, atA.body);
  assert.is(memberAt(atB.body, 'conversationId'), conversationId);

  const request = { locale: 'fr', variables: { cart_total: 3 }, removeVariables: ['page'] };
  const refreshed = good(await callOver('Connect JSON', b, 'RefreshSession', { session, request }));
  const renewed = textOf(refreshed, 'sessionToken');
  for (const at of [a, b]) {
    assert.equal(await variablesAt(at, conversationId), { cart_total: 3 });
    for (const token of [session, renewed]) {
      const verified = good(await callOver('gRPC', at, 'VerifySession', { request: { token } }));
      assert.equal(memberAt(verified.body, 'untrusted'), { locale: 'fr', variables: { cart_total: 3 } });
    }
  }
});

test('two tabs refresh at the same moment, one at each: both succeed, and both changes are kept', async () => {
  const { session, conversationId } = await open(a);
  const all: Record<string, number> = {};
  for (let round = 0; round < 10; round++) {
    const refreshes = [a, b, a, b].map((at, tab) => {
      const name = `round${round}_tab${tab}`;
      all[name] = tab;
      const request = { variables: { [name]: tab } };
      return callOver('public path', at, 'RefreshSession', { session, request });
    });
    for (const answer of await Promise.all(refreshes)) {
      good(await callOver('public path', b, 'GetSession', { session: textOf(good(answer), 'sessionToken') }));
    }
    assert.equal(await variablesAt(a, conversationId), all);
    assert.equal(await variablesAt(b, conversationId), all);
  }
});

test('what is ended at one is refused at the other soon, and can be ended there again', async () => {
  const { session, conversationId } = await open(b);
  const request = { token: session };
  good(await callOver('public path', b, 'GetSession', { session }));
  good(await callOver('public path', a, 'EndSession', { session }));
  for (const rpc of ['GetSession', 'RefreshSession', 'VerifySession']) {
    await until(`${rpc} is refused at the other process`, async () => {
      const answer = await callOver(
        'public path',
        b,
        rpc,
        rpc === 'VerifySession' ? { request } : { session },
      );
      return answer.reason === 'invalid_session_token';
    });
  }

  good(await callOver('public path', b, 'EndSession', { session }));
  const named = { request: { tenant: 'acme', conversationId } };
  const { body } = good(await callOver('gRPC', a, 'GetConversation', named));
  assert.is(memberAt(body, 'conversation.revision'), 2, 'the second end changes nothing');
});

test('a page that one began the other goes on with', async () => {
  const customerId = randomBytes(8).toString('hex');
  const opened = [await open(a, { customerId }), await open(b, { customerId })];
  const query = { tenant: 'acme', customerId, pageSize: 1 };
  const first = good(await callOver('gRPC', a, 'ListConversations', { request: query }));
  const pageToken = textOf(first, 'nextPageToken');
  const second = good(await callOver('gRPC', b, 'ListConversations', { request: { ...query, pageToken } }));
  const ids = [first, second].map((page) => textOf(page, 'conversations.0.conversationId'));
  assert.equal(ids.sort(), opened.map(({ conversationId }) => conversationId).sort());
});

test('a change of the catalogue is seen by both', async () => {
  const { session } = await open(a);
  for (const at of [a, b]) good(await callOver('public path', at, 'GetSession', { session }));
  const revision = await changeTenant(database, 'acme', (tenant) => ({
    ...tenant,
    flows: tenant.flows.map((flow) => ({ ...flow, published: false })),
  }));
  for (const at of [a, b]) {
    await until('the change is seen', async () => {
      const { body } = good(await callOver('public path', at, 'GetSession', { session }));
      return memberAt(body, 'catalogRevision') === revision && memberAt(body, 'intents.length') === 0;
    });
  }
});

test('kill -9 of one loses nothing at the other', async () => {
  const opened = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const session = await open(b, { variables: { index } });
      const request = { variables: { refreshed: true } };
      good(await callOver('public path', b, 'RefreshSession', { session: session.session, request }));
      return { ...session, index };
    }),
  );
  b.service.child.kill('SIGKILL');
  assert.is(await b.service.exited, 'SIGKILL');
  for (const { session, conversationId, index } of opened) {
    good(await callOver('public path', a, 'GetSession', { session }));
    assert.equal(await variablesAt(a, conversationId), { index, refreshed: true });
    good(await callOver('public path', a, 'EndSession', { session }));
  }
  const more = await open(a);
  good(await callOver('public path', a, 'GetSession', { session: more.session }));
});
