import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import type { Answer } from '../parity/answer.js';
import { callOver, OVER, textOf } from '../parity/call.js';
import type { TransportName } from '../parity/case.js';
import { memberAt } from '../parity/values.js';

const test = suite('the life of a session');
/** Seconds since the epoch: it stands still, but for what the tests ask for. */
let clock = Math.ceil(Date.now() / 1000);
let service: TestApp;
test.before(async () => {
  service = await startTestApp({ now: () => clock * 1000 });
});
test.after(() => service.close());

const KEY = 'pk_live_00000000000000000000000000000001';

function assertRefused(answer: Answer, cause?: string): void {
  assert.is(answer.reason, 'invalid_session_token', answer.raw);
  assert.is(answer.details?.['cause'], cause, answer.raw);
}

function assertGood(answer: Answer): Answer {
  assert.is(answer.reason, undefined, answer.raw);
  return answer;
}

function inSeconds(seconds: number): string {
  return new Date((clock + seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

/** The transports of the calls of one life, in their order. */
type Journey = Readonly<Record<'open' | 'get' | 'refresh' | 'end', TransportName>>;

async function live(journey: Journey): Promise<void> {
  const open = assertGood(
    await callOver(journey.open, service, 'OpenSession', {
      request: { publicKey: KEY, locale: 'en-gb', variables: { page: '/', cart_total: 129 } },
    }),
  );
  const first = { session: textOf(open, 'sessionToken') };
  const conversationId = textOf(open, 'conversationId');
  assert.is(textOf(open, 'expiresAt'), inSeconds(3600));

  const got = assertGood(await callOver(journey.get, service, 'GetSession', first));
  for (const member of ['conversationId', 'expiresAt', 'widget', 'intents', 'quickQuestions']) {
    assert.equal(memberAt(got.body, member), memberAt(open.body, member), member);
  }
  assert.is(memberAt(got.body, 'locale'), 'en-GB');

  clock += 1800;
  const change = { request: { variables: { cart_total: 0, paid: true }, removeVariables: ['page'] } };
  const refreshed = assertGood(
    await callOver(journey.refresh, service, 'RefreshSession', { ...first, ...change }),
  );
  const second = { session: textOf(refreshed, 'sessionToken') };
  assert.is.not(second.session, first.session);
  assert.is(textOf(refreshed, 'conversationId'), conversationId);
  assert.is(textOf(refreshed, 'expiresAt'), inSeconds(3600));
  const verify = (token: string) => callOver('gRPC', service, 'VerifySession', { request: { token } });
  for (const { session } of [first, second]) {
    const verified = assertGood(await verify(session));
    assert.is(memberAt(verified.body, 'conversationId'), conversationId);
    assert.equal(memberAt(verified.body, 'untrusted.variables'), { cart_total: 0, paid: true });
  }

  // The laptop sleeps.
  clock += 20 * 3600;
  for (const token of [first, second]) {
    assertRefused(await callOver(journey.get, service, 'GetSession', token), 'expired');
    assertRefused(await callOver(journey.end, service, 'EndSession', token), 'expired');
    assertRefused(await verify(token.session), 'expired');
  }
  const woken = assertGood(await callOver(journey.refresh, service, 'RefreshSession', second));
  const third = { session: textOf(woken, 'sessionToken') };
  assert.is(textOf(woken, 'conversationId'), conversationId);
  assertGood(await callOver(journey.get, service, 'GetSession', third));
  assertRefused(await callOver(journey.get, service, 'GetSession', second), 'expired');

  const ended = assertGood(await callOver(journey.end, service, 'EndSession', third));
  assert.equal(ended.body, {});
  for (const over of OVER) {
    assertRefused(await callOver(over, service, 'GetSession', third));
    assertRefused(await callOver(over, service, 'RefreshSession', third));
    // One that expired could have been refreshed; not of a session that has ended.
    assertRefused(await callOver(over, service, 'RefreshSession', second));
    assertGood(await callOver(over, service, 'EndSession', third));
  }
  assertRefused(await verify(third.session));
  const named = { request: { tenant: 'acme', conversationId } };
  const stored = assertGood(await callOver('gRPC', service, 'GetConversation', named));
  assert.equal(memberAt(stored.body, 'conversation.untrusted.variables'), { cart_total: 0, paid: true });
  // Opened, refreshed twice, ended.
  assert.is(memberAt(stored.body, 'conversation.revision'), 4);
  assert.is(memberAt(stored.body, 'conversation.endedAt'), inSeconds(0));
}

for (const over of OVER) {
  test(`open, get, refresh, sleep, refresh, end [${over}]`, () =>
    live({ open: over, get: over, refresh: over, end: over }));
}

const JOURNEYS: readonly Journey[] = [
  { open: 'gRPC', get: 'Connect binary', refresh: 'Connect JSON', end: 'public path' },
  { open: 'public path', get: 'gRPC', refresh: 'gRPC', end: 'Connect JSON' },
  { open: 'Connect binary', get: 'public path', refresh: 'public path', end: 'gRPC' },
  { open: 'Connect JSON', get: 'Connect JSON', refresh: 'Connect binary', end: 'Connect binary' },
];
for (const journey of JOURNEYS) {
  test(`across transports: ${Object.values(journey).join(' → ')}`, () => live(journey));
}
