import { createSecretKey } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import { type JWTPayload, SignJWT } from 'jose';
import * as assert from 'uvu/assert';
import type { Identity } from '../../src/catalog/widget-view.js';
import { CUSTOMER_REASONS, type CustomerReason } from '../../src/sessions/customer-reasons.js';
import { decideCustomer, resolveCustomer } from '../../src/sessions/customer-token.js';

const test = suite('reasons of a customer decision');
const NOW = 1_800_000_000;
const SECRET = createSecretKey(Buffer.alloc(32, 1));
const OTHER = createSecretKey(Buffer.alloc(32, 2));

const claims = { sub: 'u-42', aud: 'key-1', exp: NOW + 600 };
const sign = (changes: JWTPayload = {}, { secret = SECRET, header = {} } = {}) =>
  new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'HS256', ...header }).sign(secret);
const without = (name: 'sub' | 'aud' | 'exp') => {
  const { [name]: _, ...rest } = claims;
  return new SignJWT(rest).setProtectedHeader({ alg: 'HS256' }).sign(SECRET);
};

interface Row {
  readonly mode?: Identity['mode'];
  readonly token?: () => Promise<string> | string;
  readonly customerId?: string;
}

const TABLE: readonly (readonly [name: string, reason: CustomerReason, row: Row])[] = [
  ['off', 'identity_off', { mode: 'off', token: () => 'whatever' }],
  ['optional, no token', 'unverified', { mode: 'optional', customerId: 'u-42' }],
  ['required, no token', 'token_missing', {}],
  ['good', 'verified', { token: sign }],
  ['good, optional', 'verified', { mode: 'optional', token: sign, customerId: 'u-42' }],
  ['two parts', 'token_malformed', { token: () => 'a.b' }],
  ['no JSON inside', 'token_malformed', { token: () => 'a.b.c' }],
  [
    'another algorithm',
    'wrong_algorithm',
    { token: () => sign({}, { secret: createSecretKey(Buffer.alloc(64, 1)), header: { alg: 'HS512' } }) },
  ],
  ['another secret', 'wrong_signature', { token: () => sign({}, { secret: OTHER }) }],
  [
    'another secret, and expired',
    'wrong_signature',
    { token: () => sign({ exp: NOW - 1 }, { secret: OTHER }) },
  ],
  ['aud of another key', 'wrong_audience', { token: () => sign({ aud: 'key-2' }) }],
  ['no aud', 'claim_missing', { token: () => without('aud') }],
  ['no sub', 'claim_missing', { token: () => without('sub') }],
  ['no exp', 'claim_missing', { token: () => without('exp') }],
  ['expired just now', 'expired', { token: () => sign({ exp: NOW }) }],
  ['expired long ago', 'expired', { token: () => sign({ exp: NOW - 3600 }) }],
  ['nbf ahead', 'not_yet_valid', { token: () => sign({ nbf: NOW + 61 }) }],
  ['iat ahead', 'not_yet_valid', { token: () => sign({ iat: NOW + 61 }) }],
  ['lives over a day', 'lives_too_long', { token: () => sign({ exp: NOW + 86_401 }) }],
  ['an empty sub', 'invalid_subject', { token: () => sign({ sub: '' }) }],
  ['a long sub', 'invalid_subject', { token: () => sign({ sub: 'x'.repeat(101) }) }],
  ['another customer', 'other_customer', { token: sign, customerId: 'u-43' }],
];
for (const [name, reason, { mode = 'required', token, customerId = '' }] of TABLE) {
  test(`${name}: ${reason}`, async () => {
    const identity: Identity = mode === 'off' ? { mode } : { mode, key: async () => SECRET };
    const check = { identity, keyId: 'key-1', tenantSlug: 'acme', now: NOW * 1000 };
    const claim = { customerId, customerToken: (await token?.()) ?? '' };
    const decided = await decideCustomer(claim, check);
    assert.is(decided.reason, reason);
    const isRefused = await resolveCustomer(claim, check).then(
      () => false,
      () => true,
    );
    assert.is(isRefused, decided.customer === undefined);
  });
}

test('each reason is in the table', () => {
  assert.equal([...new Set(TABLE.map(([, reason]) => reason))].sort(), Object.keys(CUSTOMER_REASONS).sort());
});
