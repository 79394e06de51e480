import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';

const test = suite('the log lines of refused opens');
let service: TestApp;
test.before(async () => {
  service = await startTestApp({
    env: {
      SEED_FILE: 'test/cases/origins.seed.yaml',
      IDENTITY_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
      LOG_LEVEL: 'info',
    },
  });
});
test.after(() => service.close());

const KEY = 'pk_live_000000000000000000000000000000b1';
const PLANTED = 'planted';

/** Opens a session in vain, with something planted in each member, and answers the one line that was logged. */
async function refusedLine(publicKey: string, origin: string | undefined): Promise<Record<string, unknown>> {
  const before = service.logged().length;
  const answer = await fetch(`${service.httpUrl}/api/public/v1/chat/sessions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': `${PLANTED}-idempotency-key-000`,
      authorization: `Bearer ${PLANTED}`,
      ...(origin !== undefined && { origin }),
    },
    body: JSON.stringify({
      publicKey,
      customerId: `${PLANTED}-customer`,
      customerToken: `${PLANTED}.${PLANTED}.${PLANTED}`,
      variables: { cart: PLANTED },
    }),
  });
  assert.is(answer.status, 403);
  assert.match(
    await answer.text(),
    /^\{"error":"\w+","message":"[^"]+","details":\{\}\}$/,
    'the visitor is told no reason',
  );
  const lines = service.logged().slice(before);
  assert.is(lines.length, 1);
  const [line = ''] = lines;
  assert.not.ok(line.includes(PLANTED), line);
  assert.not.ok(line.includes(publicKey), line);
  assert.ok(Buffer.byteLength(line) < 2_000, line);
  const { time: _, requestId: __, ms: ___, ...rest } = JSON.parse(line);
  return rest;
}

const common = { level: 30, rpc: 'OpenSession', transport: 'http', msg: 'call refused' };

test('an origin that no rule allows: the nearest rule, and what to add', async () => {
  const { widgetKeyId, ...line } = await refusedLine(KEY, 'http://acme.com');
  assert.match(String(widgetKeyId), /^[0-9a-f-]{36}$/);
  assert.equal(line, {
    ...common,
    code: 'origin_not_allowed',
    tenant: 'acme',
    origin: 'http://acme.com',
    reason: 'scheme_differs',
    rule: 'https://acme.com',
    proposedRule: 'http://acme.com',
    why:
      'No rule allows http://acme.com. The nearest, https://acme.com, has the scheme https. ' +
      'Add http://acme.com to allow it.',
  });
});

test('an origin with a user name, a path and a query: nothing but its host', async () => {
  const line = await refusedLine(KEY, `https://user:${PLANTED}@acme.com/${PLANTED}?t=${PLANTED}`);
  assert.is(line['origin'], 'https://acme.com…');
  assert.is(line['reason'], 'not_an_origin');
  assert.is(line['rule'], 'https://acme.com');
});

test('an origin of 8 KB: cut', async () => {
  const line = await refusedLine(KEY, `https://${'é'.repeat(8_000)}.example`);
  assert.is(line['origin'], `https://${'?'.repeat(192)}…`);
});

test('no origin', async () => {
  const line = await refusedLine(KEY, undefined);
  assert.is(line['origin'], undefined);
  assert.is(line['reason'], 'missing');
});

for (const [name, publicKey, reason] of [
  ['a disabled key', 'pk_live_000000000000000000000000000000b3', 'disabled'],
  ['a key past its end', 'pk_live_000000000000000000000000000000b4', 'past_its_end'],
] as const) {
  test(name, async () => {
    const { widgetKeyId, why, ...line } = await refusedLine(publicKey, 'https://acme.com');
    assert.type(widgetKeyId, 'string');
    assert.type(why, 'string');
    assert.equal(line, { ...common, code: 'widget_disabled', tenant: 'acme', reason });
  });
}

test('an unknown key: its first digits', async () => {
  const { why, ...line } = await refusedLine('pk_live_c0ffee00000000000000000000000000', 'https://acme.com');
  assert.match(String(why), /^No widget key has this public key/);
  assert.equal(line, { ...common, code: 'widget_disabled', publicKey: 'pk_live_c0ff…', reason: 'unknown' });
});

test('a bad customer token: why it is bad', async () => {
  const line = await refusedLine('pk_live_000000000000000000000000000000b5', 'https://acme.com');
  assert.is(line['code'], 'identity_not_verified');
  assert.is(line['tenant'], 'acme');
  assert.is(line['reason'], 'token_malformed');
});
