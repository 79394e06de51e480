import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { OpenSessionRequest } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../../src/rpc/call.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { hashRequest } from '../../src/sessions/idempotency.js';
import { newConversation } from '../../src/sessions/new-conversation.js';

const test = suite('a new conversation');

const AT = 1_800_000_000_000;
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

function opened(sent: Partial<OpenSessionRequest>, { verified = false, maxAge = 7 * 86_400 } = {}) {
  const deps = {
    now: () => AT,
    date: () => AT,
    newId: () => 'id',
    newJti: () => 'jti',
    sessionTtlSeconds: 3_600,
    sessionMaxAgeSeconds: maxAge,
    retentionSeconds: 86_400,
  };
  const request = { ...OpenSessionRequest.decode(Buffer.alloc(0)), ...sent };
  return newConversation(deps, {
    ...{ request, call, origin: undefined, idempotencyKey: 'k'.repeat(22) },
    view: { tenantId: 'tenant', keyId: 'key' },
    customer: { id: sent.customerId, verified },
  });
}

// Rows of earlier versions must go on to answer retries, so these hashes may never change.
const OLD_HASHES: readonly (readonly [name: string, sent: Partial<OpenSessionRequest>, hashed: object])[] = [
  ['nothing', {}, { variables: {} }],
  [
    'every field that there was',
    { customerId: 'u', locale: 'en-gb', variables: { a: 1 } },
    { customerId: 'u', locale: 'en-GB', variables: { a: 1 } },
  ],
  ['attributes that are empty', { attributes: {} }, { variables: {} }],
];
for (const [name, sent, hashed] of OLD_HASHES) {
  test(`hashes as earlier versions did: ${name}`, () => {
    assert.is(opened(sent).idempotency?.requestHash, hashRequest(hashed));
    const verified = { ...hashed, customerVerified: true };
    assert.is(opened(sent, { verified: true }).idempotency?.requestHash, hashRequest(verified));
  });
}

const TTLS: readonly (readonly [name: string, ttl: number | undefined, maxAge: number, exp: number])[] = [
  ['none', undefined, 86_400, 3_600],
  ['60 s', 60, 86_400, 60],
  ['24 h', 86_400, 604_800, 86_400],
  ['more than SESSION_MAX_AGE', 7_200, 5_400, 5_400],
];
for (const [name, ttl, maxAge, exp] of TTLS) {
  test(`the token of a ttl of ${name}`, () => {
    const { session, expiresAt, ttlSeconds } = opened(
      { ttl: ttl === undefined ? undefined : { seconds: ttl, nanos: 0 } },
      { maxAge },
    );
    assert.equal([session.exp - session.iat, expiresAt, ttlSeconds], [exp, session.exp, ttl]);
  });
}
