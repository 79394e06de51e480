import { randomUUID } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import type { Answer } from '../parity/answer.js';
import { callOver, OVER, textOf } from '../parity/call.js';
import type { TransportName } from '../parity/case.js';
import { memberAt } from '../parity/values.js';
import {
  CUSTOMER,
  customer,
  HOUR,
  type Mode,
  NOW,
  PUBLIC_KEYS,
  SEED_FILE,
  type Site,
  siteOf,
  tokenOf,
} from './site.js';

/** RefreshSession with a customer token: a visitor logs in during the chat. */
const test = suite('login during a chat', { fileTimeoutMs: 110_000 });
let service: TestApp;
test.before(async () => {
  service = await startTestApp({ env: { SEED_FILE }, now: () => NOW * 1000 });
});
test.after(() => service.close());

/** Who has the conversation before the refresh; undefined for a guest. */
interface Before {
  readonly customerId?: string;
  readonly token?: (site: Site) => string;
}
const GUEST: Before = {};
const UNVERIFIED: Before = { customerId: 'somebody' };
const VERIFIED: Before = { token: tokenOf };
const OTHER: Before = { token: (site) => tokenOf(site, { sub: 'another' }) };
const bad = (more: object) => (site: Site) => tokenOf(site, more);

const IS_VERIFIED = `${CUSTOMER}, verified`;
const REFUSED = 'identity_not_verified';

const LOGINS: readonly (readonly [
  name: string,
  mode: Mode,
  before: Before,
  token: (site: Site) => string,
  error: string | undefined,
  after: string,
])[] = [
  ['a guest', 'optional', GUEST, tokenOf, undefined, IS_VERIFIED],
  ['an unverified customer of another id', 'optional', UNVERIFIED, tokenOf, undefined, IS_VERIFIED],
  [
    'an unverified customer of that id',
    'optional',
    { customerId: CUSTOMER },
    tokenOf,
    undefined,
    IS_VERIFIED,
  ],
  ['the same verified customer again', 'optional', VERIFIED, tokenOf, undefined, IS_VERIFIED],
  ['the same verified customer again', 'required', VERIFIED, tokenOf, undefined, IS_VERIFIED],
  ['no token, of a verified customer', 'required', VERIFIED, () => '', undefined, IS_VERIFIED],
  ['no token, of a guest', 'optional', GUEST, () => '', undefined, 'nobody, not verified'],
  ['another verified customer', 'required', OTHER, tokenOf, REFUSED, 'another, verified'],
  ['another verified customer', 'optional', OTHER, tokenOf, REFUSED, 'another, verified'],
  ['an expired token', 'optional', GUEST, bad({ exp: NOW - 1 }), REFUSED, 'nobody, not verified'],
  ['a token for another key', 'optional', UNVERIFIED, bad({ aud: 'x' }), REFUSED, 'somebody, not verified'],
  ['a token without a customer', 'optional', GUEST, bad({ sub: '' }), REFUSED, 'nobody, not verified'],
  ['a token that lasts too long', 'required', VERIFIED, bad({ exp: NOW + 25 * HOUR }), REFUSED, IS_VERIFIED],
  ['a text that is no token', 'optional', GUEST, () => 'x.y', REFUSED, 'nobody, not verified'],
  ['any token, where customers are not verified', 'off', GUEST, () => 'x', undefined, 'nobody, not verified'],
  [
    'a good token of another key, where customers are not verified',
    'off',
    UNVERIFIED,
    tokenOf,
    undefined,
    'somebody, not verified',
  ],
];

function openAs(
  over: TransportName,
  mode: Mode,
  { customerId, token }: Before,
  key?: string,
): Promise<Answer> {
  const request = {
    publicKey: PUBLIC_KEYS[mode],
    ...(customerId !== undefined && { customerId }),
    ...(token && { customerToken: token(siteOf(service, mode)) }),
  };
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  return callOver(over, service, 'OpenSession', { request, headers, origin: 'https://acme.com' });
}

const get = (conversationId: string) =>
  callOver('gRPC', service, 'GetConversation', { request: { tenant: 'acme', conversationId } });

for (const over of OVER) {
  for (const [name, mode, before, token, error, after] of LOGINS) {
    test(`${mode}: ${name} [${over}]`, async () => {
      const opened = await openAs(over, mode, before);
      const stored = await get(textOf(opened, 'conversationId'));
      const customerToken = token(siteOf(service, mode === 'off' ? 'optional' : mode));
      const refreshed = await callOver(over, service, 'RefreshSession', {
        request: { locale: 'de', customerToken },
        session: textOf(opened, 'sessionToken'),
        origin: 'https://acme.com',
      });
      assert.is(refreshed.reason, error, refreshed.raw);
      assert.is(await customer(service, opened), after);
      const now = await get(textOf(opened, 'conversationId'));
      if (error !== undefined) {
        assert.equal(now.body, stored.body, 'a refused login changes nothing');
        return;
      }
      const verified = await callOver('gRPC', service, 'VerifySession', {
        request: { token: textOf(refreshed, 'sessionToken') },
      });
      assert.is(memberAt(verified.body, 'customerId') ?? 'nobody', after.split(',')[0]);
    });
  }

  test(`a retried open answers its first token, whoever has logged in since [${over}]`, async () => {
    const key = randomUUID();
    const opened = await openAs(over, 'optional', GUEST, key);
    const session = textOf(opened, 'sessionToken');
    const request = { customerToken: tokenOf(siteOf(service, 'optional')) };
    const origin = 'https://acme.com';
    const login = await callOver(over, service, 'RefreshSession', { request, session, origin });
    assert.is(login.reason, undefined, login.raw);
    const again = await openAs(over, 'optional', GUEST, key);
    assert.equal([again.reason, textOf(again, 'sessionToken')], [undefined, session]);
    assert.is(await customer(service, again), IS_VERIFIED);
    const asCustomer = await openAs(over, 'optional', VERIFIED, key);
    assert.is(asCustomer.reason, 'idempotency_conflict', 'the request of the open differs');
  });
}

test('a conversation is found under its new customer, and no longer under the old one', async () => {
  const [before, after] = [randomUUID(), randomUUID()];
  const opened = await openAs('gRPC', 'optional', { customerId: before });
  const session = textOf(opened, 'sessionToken');
  const request = { customerToken: tokenOf(siteOf(service, 'optional'), { sub: after }) };
  await callOver('gRPC', service, 'RefreshSession', { request, session });
  const erase = (customerId: string) =>
    callOver('gRPC', service, 'EraseCustomer', { request: { tenant: 'acme', customerId } });
  assert.equal((await erase(before)).body, { erasedCount: 0, complete: true });
  assert.equal((await erase(after)).body, { erasedCount: 1, complete: true });
});
