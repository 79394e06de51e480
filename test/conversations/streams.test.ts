import { randomUUID } from 'node:crypto';
import { suite, until } from '@chatsessions/test-harness';
import { credentials, Metadata } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  ChatSessionsClient,
  type EraseCustomerResponse,
  type OpenSessionRequest,
  type OpenSessionResponse,
  type WatchConversationsResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { openRequest, refreshRequest, updateRequest } from '../harness/requests.js';
import { readStream, type StreamReader } from '../harness/stream-reader.js';
import { briefly } from './watch/world.js';

const test = suite('streams of a running service');

const KEY = 'pk_live_00000000000000000000000000000001';
const GLOBEX_KEY = 'pk_live_00000000000000000000000000000006';

let app: TestApp;
let client: ChatSessionsClient;
test.before(async () => {
  app = await startTestApp();
  client = new ChatSessionsClient(app.grpcTarget, credentials.createInsecure());
});
test.after(async () => {
  client.close();
  await app.close();
});

/** Makes a promise of a call. */
const answered = <T>(call: (callback: (error: Error | null, response: T) => void) => unknown) =>
  new Promise<T>((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });

const open = (more: Partial<OpenSessionRequest> = {}) =>
  answered<OpenSessionResponse>((callback) =>
    client.openSession(openRequest({ publicKey: KEY, ...more }), callback),
  );

function withToken({ sessionToken }: OpenSessionResponse): Metadata {
  const metadata = new Metadata();
  metadata.set('chat-session-token', sessionToken);
  return metadata;
}

const watch = (resumeToken = '', tenant = 'acme') =>
  readStream(client.watchConversations({ tenant, resumeToken }));

/** The events of one conversation, once there are so many. */
async function eventsOf(
  reader: StreamReader<WatchConversationsResponse>,
  { conversationId }: OpenSessionResponse,
  count: number,
): Promise<string[]> {
  for (let messages = 1; ; messages++) {
    const events = (await reader.came(messages))
      .flatMap((message) => message.events)
      .filter(({ conversation }) => conversation?.conversationId === conversationId);
    if (events.length >= count)
      return briefly({ events, resumeToken: '' }).map((event) => event.slice(event.indexOf('.') + 1));
  }
}

test('what happens to a conversation reaches its watchers, and those who come back', async () => {
  const reader = watch();
  await reader.came(1);
  const session = await open();
  await answered((callback) =>
    client.refreshSession(refreshRequest({ locale: 'en' }), withToken(session), callback),
  );
  const { conversationId } = session;
  const named = { tenant: 'acme', conversationId };
  await answered((callback) =>
    client.updateConversation(updateRequest({ ...named, variables: { cart: 1 } }), callback),
  );
  await answered((callback) => client.endConversation(named, callback));

  const all = ['1 opened', '2 refreshed', '3 updated', '4 ended'];
  assert.equal(await eventsOf(reader, session, 4), all);
  const again = watch(reader.messages[0]?.resumeToken);
  assert.equal(await eventsOf(again, session, 4), all);
  const last = reader.messages.at(-1)?.events.at(-1);
  assert.equal(
    [last?.conversation?.untrusted, last?.conversation?.revision],
    [{ locale: 'en', variables: { cart: 1 } }, 4],
  );
  for (const one of [reader, again]) {
    one.cancel();
    assert.is((await one.ended).code, 'CANCELLED');
  }
});

test('an erasure and a reopened id reach the watchers, and those who come back', async () => {
  const reader = watch();
  await reader.came(1);
  const customerId = randomUUID();
  const headers = new Metadata();
  headers.set('idempotency-key', randomUUID());
  const request = openRequest({ publicKey: KEY, customerId });
  const openOnce = () =>
    answered<OpenSessionResponse>((callback) => client.openSession(request, headers, callback));
  const session = await openOnce();
  assert.equal(await eventsOf(reader, session, 1), ['1 opened']);
  const erased = await answered<EraseCustomerResponse>((callback) =>
    client.eraseCustomer({ tenant: 'acme', customerId }, callback),
  );
  assert.equal(erased, { erasedCount: 1, complete: true });
  assert.equal(await eventsOf(reader, session, 2), ['1 opened', '2 erased']);
  const [gone] = reader.messages.at(-1)?.events ?? [];
  const { conversationId, revision, untrusted, customerId: whose } = gone?.conversation ?? {};
  assert.equal([conversationId, revision], [session.conversationId, 2]);
  assert.equal([untrusted, whose, gone?.conversation?.openedAt], [undefined, undefined, undefined]);
  await openOnce();
  assert.equal(await eventsOf(reader, session, 3), ['1 opened', '2 erased', '3 opened']);
  const again = watch(reader.messages[0]?.resumeToken);
  assert.equal(await eventsOf(again, session, 2), ['2 erased', '3 opened']);
  for (const one of [reader, again]) one.cancel();
});

test('a tenant is told of its own conversations only', async () => {
  const reader = watch('', 'globex');
  await reader.came(1);
  await open();
  const session = await open({ publicKey: GLOBEX_KEY });
  assert.equal(await eventsOf(reader, session, 1), ['1 opened']);
  const ids = reader.messages.flatMap(({ events }) =>
    events.map((event) => event.conversation?.conversationId),
  );
  assert.equal(ids, [session.conversationId]);
  const { resumeToken } = (await reader.came(1))[0] ?? {};
  reader.cancel();
  assert.is((await watch(resumeToken, 'acme').ended).reason, 'invalid_input');
});

test("an export has a customer's conversations, newest first", async () => {
  const sessions = [];
  for (let n = 0; n < 60; n++) sessions.push(await open({ customerId: 'exported' }));
  await open({ customerId: 'somebody else' });
  const request = { tenant: 'acme', customerId: 'exported', verifiedOnly: false };
  const { ended, messages } = readStream(client.exportCustomer(request));
  assert.is((await ended).code, 'OK');
  assert.equal(
    new Set(messages.map(({ conversation }) => conversation?.conversationId)),
    new Set(sessions.map(({ conversationId }) => conversationId)),
  );
  const times = messages.map(({ conversation: { openedAt } = {} }) => {
    return (openedAt?.seconds ?? 0) * 1_000 + (openedAt?.nanos ?? 0) / 1_000_000;
  });
  assert.equal(
    times,
    times.toSorted((a, b) => b - a),
  );

  const verified = readStream(client.exportCustomer({ ...request, verifiedOnly: true }));
  assert.is((await verified.ended).code, 'OK');
  assert.equal(verified.messages, []);
});

test('both are audited: that they began, and how much they gave', async () => {
  const request = { tenant: 'globex', customerId: 'audited', verifiedOnly: false };
  await open({ publicKey: GLOBEX_KEY, customerId: 'audited' });
  await readStream(client.exportCustomer(request)).ended;
  const rows = await app.withDatabase((database, name) =>
    database
      .db(name)
      .collection('audit')
      .find({ tenant: 'globex', action: 'ExportCustomer' }, { sort: { at: 1, _id: 1 } })
      .toArray(),
  );
  assert.equal(
    rows.map(({ phase, count }) => [phase, count]),
    [
      ['started', undefined],
      ['finished', 1],
    ],
  );
});

const REFUSED: readonly (readonly [name: string, tenant: string, customerId: string, reason: string])[] = [
  ['a tenant that is no slug', 'Not A Slug', 'c', 'invalid_input'],
  ['no tenant', '', 'c', 'invalid_input'],
  ['a tenant that is not there', 'nobody', 'c', 'not_found'],
  ['no customer', 'acme', '', 'invalid_input'],
];
for (const [name, tenant, customerId, reason] of REFUSED) {
  test(`${name} is refused`, async () => {
    const exported = readStream(client.exportCustomer({ tenant, customerId, verifiedOnly: false }));
    assert.is((await exported.ended).reason, reason);
    if (customerId !== '') assert.is((await watch('', tenant).ended).reason, reason);
  });
}

test('the service stops under an open watch: unavailable, and where to go on', async () => {
  const other = await startTestApp();
  const theirs = new ChatSessionsClient(other.grpcTarget, credentials.createInsecure());
  try {
    const reader = readStream(theirs.watchConversations({ tenant: 'acme', resumeToken: '' }));
    await reader.came(1);
    await other.app.close();
    const { code, reason, metadata } = await reader.ended;
    assert.equal(
      [code, reason, metadata['resume_token']],
      ['UNAVAILABLE', 'unavailable', reader.messages[0]?.resumeToken],
    );
    assert.not.match(other.logged().join(''), /not closed cleanly|"level":50/);
  } finally {
    theirs.close();
    await other.app.close();
    // What outlives the service is left behind by nobody.
    if (process.env['MONGODB_URI'] !== undefined) await other.close();
  }
});

test('more watches than a caller may have: rate_limited, with the time to wait', async () => {
  const limited = await startTestApp({ watchLimits: { perCaller: 1 } });
  const theirs = new ChatSessionsClient(limited.grpcTarget, credentials.createInsecure());
  const begin = () => readStream(theirs.watchConversations({ tenant: 'acme', resumeToken: '' }));
  try {
    const first = begin();
    await first.came(1);
    const { code, reason, metadata } = await begin().ended;
    assert.equal([code, reason, metadata['http_status']], ['RESOURCE_EXHAUSTED', 'rate_limited', '429']);
    first.cancel();
    await first.ended;
    await until('there is room again', async () => {
      const again = begin();
      const came = await Promise.race([again.came(1).then(() => true), again.ended.then(() => false)]);
      again.cancel();
      return came;
    });
  } finally {
    theirs.close();
    await limited.close();
  }
});
