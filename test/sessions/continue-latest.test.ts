import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Conversation, ConversationQuery } from '../../src/conversations/conversation.js';
import { createKeyedQueue } from '../../src/conversations/keyed-queue.js';
import { OpenSessionRequest } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../../src/rpc/call.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { continueLatest } from '../../src/sessions/continue-latest.js';
import { newConversation } from '../contract/rows.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { transports } from '../parity/transports.js';
import {
  CUSTOMER,
  idOf,
  type Mode,
  NOW,
  open,
  PUBLIC_KEYS,
  SEED_FILE,
  siteOf,
  type TransportName,
  tokenOf,
} from './site.js';

const test = suite('coming back with a customer token');
let service: TestApp;
let clock = NOW;
test.before(async () => {
  service = await startTestApp({ env: { SEED_FILE }, now: () => clock * 1000 });
});
test.after(() => service.close());

for (const transport of Object.keys(transports) as TransportName[]) {
  /** Opens a session a second later than the one before. */
  const come = async (mode: Mode, sub: string, more: object = {}) => {
    clock++;
    const customerToken = tokenOf(siteOf(service, mode), { sub, exp: clock + 60 });
    return open(service, transport, { publicKey: PUBLIC_KEYS[mode], customerToken, ...more });
  };
  const back = { continueLatest: true };

  for (const mode of ['optional', 'required'] as const) {
    test(`${mode}: a customer with a good token comes back [${transport}]`, async () => {
      const sub = `${CUSTOMER} ${mode} ${transport}`;
      const first = idOf(await come(mode, sub, back));
      assert.is(idOf(await come(mode, sub, back)), first);
      assert.is.not(idOf(await come(mode, `${sub} 2`, back)), first);
      const another = idOf(await come(mode, sub));
      assert.is.not(another, first);
      assert.is(idOf(await come(mode, sub, back)), another);
    });
  }

  test(`a token that is not good gives no access [${transport}]`, async () => {
    const sub = `${CUSTOMER} bad ${transport}`;
    await come('optional', sub, back);
    const answer = await come('optional', sub, { ...back, customerToken: 'a.b.c' });
    assert.is(answer.reason, 'identity_not_verified');
  });

  test(`a claimed customer id gives no access [${transport}]`, async () => {
    const sub = `${CUSTOMER} claimed ${transport}`;
    const first = idOf(await come('optional', sub, back));
    const claim = { publicKey: PUBLIC_KEYS.optional, customerId: sub, ...back };
    assert.is.not(idOf(await open(service, transport, claim)), first);
    assert.is(idOf(await come('optional', sub, back)), first, 'nor does it come between');
  });
}

const steps = suite('coming back, step by step');

const AT = 1_800_000_000_000;
const IDS = { tenantId: newConversation().tenantId, keyId: newConversation().keyId };
const verified = (more: Partial<Conversation> = {}) =>
  newConversation({
    ...IDS,
    ...{ customerId: CUSTOMER, customerVerified: true, createdAt: AT, updatedAt: AT },
    session: { jti: 'opening-', iat: AT / 1000, exp: AT / 1000 + 3_600 },
    ...more,
  });
const call: AuthenticatedCall = {
  surface: 'engine',
  transport: 'grpc',
  requestId: 'r',
  timeoutMs: Number.POSITIVE_INFINITY,
  header: () => undefined,
  caller: undefined,
  deadline: 0,
  signal: new CallController().signal,
};

/** A store whose list is what was there before, and whose find is what is there now. */
function stepsOf(listed: readonly Conversation[], now: Conversation | undefined, opened = verified()) {
  const queries: ConversationQuery[] = [];
  const written: Conversation[] = [];
  const deps = {
    conversations: {
      list: async (query: ConversationQuery) => {
        queries.push(query);
        return listed;
      },
      find: async (id: string) => (now?.id === id ? now : undefined),
      replace: async (next: Conversation) => written.push(next) > 0,
    },
    changeQueue: createKeyedQueue(),
    now: () => AT + 60_000,
    date: () => AT + 60_000,
    newJti: () => 'random',
    retentionSeconds: 86_400,
    sessionTtlSeconds: 3_600,
    resumeWindowSeconds: 86_400,
    sessionMaxAgeSeconds: 7 * 86_400,
  };
  const request = { ...OpenSessionRequest.decode(Buffer.alloc(0)), continueLatest: true };
  return { queries, written, run: () => continueLatest(deps, opened, request, call) };
}

steps('it looks at no more than 100 verified conversations, and none beyond SESSION_MAX_AGE', async () => {
  const { queries, run } = stepsOf([], undefined);
  assert.is(await run(), undefined);
  const openedFrom = AT + 60_000 - 7 * 86_400_000;
  assert.equal(queries, [
    { tenantId: IDS.tenantId, customerId: CUSTOMER, verifiedOnly: true, openedFrom, limit: 100 },
  ]);
});

const latest = verified();
const MEANWHILE: readonly (readonly [name: string, now: Conversation | undefined])[] = [
  ['ended', { ...latest, endedAt: AT + 59_000, revision: 2 }],
  ['was erased', undefined],
  ['was erased, and its id opened anew by another customer', { ...latest, customerId: 'another' }],
  ['was erased, and its id opened anew by somebody unverified', { ...latest, customerVerified: false }],
  ['was erased, and its id opened anew at another key', { ...latest, keyId: newConversation().keyId }],
];
for (const [name, now] of MEANWHILE) {
  steps(`one that ${name} meanwhile means a new conversation, and nothing is written`, async () => {
    const { written, run } = stepsOf([latest], now);
    assert.is(await run(), undefined);
    assert.equal(written, []);
  });
}

const idempotency = { requestHash: 'hash', until: AT + 600_000 };
const retried = verified({ idempotency });
const session = { jti: 'opening-first', iat: AT / 1000, exp: AT / 1000 + 3_600 };
const continued: Conversation = {
  ...latest,
  revision: 2,
  continuations: [{ ...idempotency, id: retried.id, session }],
};

steps('a retry beside its first try finds what that has just written', async () => {
  const { written, run } = stepsOf([latest], continued, retried);
  const answer = await run();
  assert.equal([answer?.id, answer?.session], [latest.id, session]);
  assert.equal(written, []);
});

steps('a retry beside its first try that asks for something else is refused', async () => {
  const other = { ...retried, idempotency: { ...idempotency, requestHash: 'other' } };
  try {
    await stepsOf([latest], continued, other).run();
  } catch (error) {
    assert.is(error instanceof ServiceError && error.code, 'idempotency_conflict');
    return;
  }
  assert.unreachable('was let in');
});

steps('four continuations are remembered, and none whose time is over', async () => {
  const one = (n: number, until: number) => ({
    ...idempotency,
    id: newConversation().id,
    session,
    until: AT + until + n,
  });
  const before = { ...latest, continuations: [0, 1, 2, 3].map((n) => one(n, 600_000)) };
  const { written, run } = stepsOf([before], before, retried);
  await run();
  assert.equal(
    written[0]?.continuations?.map(({ id }) => id),
    [...before.continuations.slice(1).map(({ id }) => id), retried.id],
  );

  const old = { ...latest, continuations: [0, 1, 2, 3].map((n) => one(n, 0)) };
  const later = stepsOf([old], old, retried);
  await later.run();
  assert.equal(
    later.written[0]?.continuations?.map(({ id }) => id),
    [retried.id],
  );
});
