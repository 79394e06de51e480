import { createSecretKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import * as assert from 'uvu/assert';
import { ServiceError } from '../../src/rpc/errors.js';
import { resolveCustomer } from '../../src/sessions/customer-token.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { transports } from '../parity/transports.js';
import {
  base64url,
  CUSTOMER,
  claimsOf,
  customer,
  everything,
  HOUR,
  idOf,
  jws,
  type Mode,
  NOW,
  open,
  PUBLIC_KEYS,
  SEED_FILE,
  type Site,
  siteOf,
  type TransportName,
  tokenOf,
} from './site.js';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const test = suite('customer token', { fileTimeoutMs: 110_000 });
let service: TestApp;
test.before(async () => {
  service = await startTestApp({
    env: { SEED_FILE, LOG_LEVEL: 'trace' },
    now: () => NOW * 1000 + 999,
  });
});
test.after(() => service.close());

/** What the browser sends beside the widget key. */
interface Sent {
  readonly token?: (site: Site) => string | Promise<string>;
  readonly customerId?: string;
}
const VERIFIED = `${CUSTOMER}, verified`;
const REFUSED = 'identity_not_verified';

const GOOD: readonly (readonly [name: string, mode: Mode, sent: Sent, customer: string])[] = [
  ['a good token', 'required', { token: tokenOf }, VERIFIED],
  ['a good token', 'optional', { token: tokenOf }, VERIFIED],
  [
    'a token of an independent library, with a string for its secret',
    'required',
    {
      token: ({ aud, secret }) =>
        new SignJWT({ sub: CUSTOMER, aud })
          .setProtectedHeader({ alg: 'HS256' })
          .setIssuedAt(NOW)
          .setExpirationTime(NOW + HOUR)
          .sign(new TextEncoder().encode(secret)),
    },
    VERIFIED,
  ],
  ['aud among others', 'required', { token: (site) => tokenOf(site, { aud: ['x', site.aud] }) }, VERIFIED],
  ['exp in a second', 'required', { token: (site) => tokenOf(site, { exp: NOW + 1 }) }, VERIFIED],
  ['exp 24 h ahead', 'required', { token: (site) => tokenOf(site, { exp: NOW + 24 * HOUR }) }, VERIFIED],
  [
    'a clock 60 s ahead',
    'required',
    { token: (site) => tokenOf(site, { iat: NOW + 60, nbf: NOW + 60 }) },
    VERIFIED,
  ],
  [
    'a sub of 100 characters',
    'required',
    { token: (site) => tokenOf(site, { sub: '😀'.repeat(100) }) },
    `${'😀'.repeat(100)}, verified`,
  ],
  ['the same customerId', 'required', { token: tokenOf, customerId: CUSTOMER }, VERIFIED],
  ['no token', 'optional', {}, 'nobody, not verified'],
  ['no token, a customerId', 'optional', { customerId: CUSTOMER }, `${CUSTOMER}, not verified`],
  ['an empty token', 'optional', { token: () => '', customerId: 'x' }, 'x, not verified'],
  ['a customerId', 'off', { customerId: CUSTOMER }, `${CUSTOMER}, not verified`],
  ['a token that is ignored', 'off', { token: tokenOf }, 'nobody, not verified'],
  ['garbage that is ignored', 'off', { token: () => 'x', customerId: 'x' }, 'x, not verified'],
];

const BAD: readonly (readonly [name: string, sent: Sent, refused?: string])[] = [
  ['another secret', { token: (site) => jws(claimsOf(site), 'another secret') }],
  ['the secret decoded', { token: (site) => jws(claimsOf(site), Buffer.from(site.secret, 'base64url')) }],
  ['alg none', { token: (site) => `${base64url({ alg: 'none' })}.${base64url(claimsOf(site))}.` }],
  ['alg none, signed', { token: (site) => jws(claimsOf(site), site.secret, { alg: 'none' }) }],
  ['HS512', { token: (site) => jws(claimsOf(site), site.secret, { alg: 'HS512' }, 'sha512') }],
  [
    'RS256 in name, signed with the secret',
    { token: (site) => jws(claimsOf(site), site.secret, { alg: 'RS256' }) },
  ],
  ['RS256', { token: (site) => rs256(claimsOf(site)) }],
  ['no alg', { token: (site) => jws(claimsOf(site), site.secret, { alg: undefined }) }],
  ['crit', { token: (site) => jws(claimsOf(site), site.secret, { crit: ['x'], x: 1 }) }],
  ['crit: b64', { token: (site) => jws(claimsOf(site), site.secret, { crit: ['b64'], b64: true }) }],
  ['aud of another key', { token: (site) => tokenOf(site, { aud: randomUUID() }) }],
  ['aud: the public key', { token: (site) => tokenOf(site, { aud: PUBLIC_KEYS.required }) }],
  ['aud missing', { token: (site) => tokenOf(site, { aud: undefined }) }],
  ['aud an empty list', { token: (site) => tokenOf(site, { aud: [] }) }],
  ['exp missing', { token: (site) => tokenOf(site, { exp: undefined }) }],
  ['exp now', { token: (site) => tokenOf(site, { exp: NOW }) }],
  ['exp a minute ago', { token: (site) => tokenOf(site, { exp: NOW - 60 }) }],
  ['exp over 24 h ahead', { token: (site) => tokenOf(site, { exp: NOW + 24 * HOUR + 1 }) }],
  ['exp in milliseconds', { token: (site) => tokenOf(site, { exp: (NOW + HOUR) * 1000 }) }],
  ['exp a text', { token: (site) => tokenOf(site, { exp: String(NOW + HOUR) }) }],
  ['nbf 61 s ahead', { token: (site) => tokenOf(site, { nbf: NOW + 61 }) }],
  ['iat 61 s ahead', { token: (site) => tokenOf(site, { iat: NOW + 61 }) }],
  ['sub missing', { token: (site) => tokenOf(site, { sub: undefined }) }],
  ['sub empty', { token: (site) => tokenOf(site, { sub: '' }) }],
  ['sub of 101 characters', { token: (site) => tokenOf(site, { sub: 'x'.repeat(101) }) }],
  ['sub a number', { token: (site) => tokenOf(site, { sub: 4711 }) }],
  ['sub a list', { token: (site) => tokenOf(site, { sub: [CUSTOMER] }) }],
  ['sub null', { token: (site) => tokenOf(site, { sub: null }) }],
  ['sub half a character', { token: (site) => tokenOf(site, { sub: 'x\ud83d' }) }],
  ['sub that is not customerId', { token: tokenOf, customerId: 'customer-4712' }],
  ['sub and customerId in another case', { token: tokenOf, customerId: CUSTOMER.toUpperCase() }],
  ['claims that are no object', { token: (site) => jws([site.aud], site.secret) }],
  ['a signature cut short', { token: (site) => tokenOf(site).slice(0, -4) }],
  ['padded base64', { token: (site) => `${tokenOf(site)}=` }],
  ['base64 with + and /', { token: (site) => tokenOf(site).replace(/[-_]?.$/, '+/') }],
  ['a space behind', { token: (site) => `${tokenOf(site)} ` }],
  ['two parts', { token: (site) => tokenOf(site).replace(/\.[^.]*$/, '') }],
  ['five parts', { token: (site) => `${tokenOf(site)}.AAAA.AAAA` }],
  ['a session token', { token: (site) => tokenOf(site, { aud: 'chatsessions', iss: 'chatsessions' }) }],
  ['garbage', { token: () => 'garbage' }],
  ['dots', { token: () => '..' }],
  ['other characters', { token: () => 'é😀.é.é' }],
  ['4096 characters', { token: () => 'x'.repeat(4096) }],
];

function rs256(claims: object): string {
  const signed = `${base64url({ alg: 'RS256' })}.${base64url(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

for (const transport of Object.keys(transports) as TransportName[]) {
  const answerTo = async (mode: Mode, { token, customerId }: Sent) => {
    // What a key that verifies nobody would be sent is signed with the secret of another.
    const customerToken = await token?.(siteOf(service, mode === 'off' ? 'required' : mode));
    return open(service, transport, { publicKey: PUBLIC_KEYS[mode], customerId, customerToken });
  };
  for (const [name, mode, sent, expected] of GOOD) {
    test(`${mode}: takes ${name} [${transport}]`, async () => {
      assert.is(await customer(service, await answerTo(mode, sent)), expected);
    });
  }
  for (const [name, sent] of BAD) {
    test(`refuses ${name}, required or not [${transport}]`, async () => {
      for (const mode of ['required', 'optional'] as const)
        assert.is(await customer(service, await answerTo(mode, sent)), REFUSED);
    });
  }
  test(`required: refuses an open without a token [${transport}]`, async () => {
    for (const sent of [{}, { customerId: CUSTOMER }, { token: () => '' }])
      assert.is(await customer(service, await answerTo('required', sent)), REFUSED);
  });

  test(`over 4096 characters break a rule, whatever the mode [${transport}]`, async () => {
    const broken = transport === 'gRPC' ? 'invalid_input customer_token' : 'validation_failed customerToken';
    for (const mode of ['off', 'optional', 'required'] as const) {
      for (const token of ['x'.repeat(4097), 'x'.repeat(5 * 1024)]) {
        const answer = await answerTo(mode, { token: () => token });
        assert.is(await customer(service, answer), broken);
        if (transport === 'public path') assert.is(answer.status, 422);
      }
    }
  });

  test(`a token for one widget key is not good for another [${transport}]`, async () => {
    const answer = await answerTo('required', { token: () => tokenOf(siteOf(service, 'optional')) });
    assert.is(await customer(service, answer), REFUSED);
  });

  test(`a refusal is 403, one sentence, and quotes nothing [${transport}]`, async () => {
    const site = siteOf(service, 'required');
    const token = tokenOf(site, { exp: NOW });
    const answers = await Promise.all([
      answerTo('required', { token: () => token }),
      answerTo('required', {}),
      answerTo('required', { token: tokenOf, customerId: 'another' }),
    ]);
    for (const { status, httpStatus, code, raw } of answers) {
      assert.is(Number(httpStatus ?? status), 403);
      if (code !== undefined) assert.is(code, 'PERMISSION_DENIED');
      assert.match(raw, 'The customer is not verified: send a customerToken that the site has just signed');
      for (const part of [...token.split('.'), CUSTOMER, site.secret]) assert.not(raw.includes(part));
    }
  });

  test(`a retry with a token that was signed anew is the same open [${transport}]`, async () => {
    const site = siteOf(service, 'optional');
    const headers = { 'idempotency-key': randomUUID() };
    const request = { publicKey: PUBLIC_KEYS.optional };
    const send = (more: object) => open(service, transport, { ...request, ...more }, headers);
    const first = idOf(await send({ customerToken: tokenOf(site) }));
    assert.is(idOf(await send({ customerToken: tokenOf(site, { exp: NOW + 60, iat: NOW }) })), first);
    assert.is(idOf(await send({ customerToken: tokenOf(site), customerId: CUSTOMER })), first);
    // Another customer, and the same one unverified, are other requests.
    for (const other of [{ customerToken: tokenOf(site, { sub: 'another' }) }, { customerId: CUSTOMER }])
      assert.is((await send(other)).reason, 'idempotency_conflict');
  });
}

test('nothing is stored of a token, and nothing logged of tokens, customers or secrets', async () => {
  const site = siteOf(service, 'optional');
  const tokens = [tokenOf(site), tokenOf(site, { exp: NOW })];
  for (const customerToken of tokens) {
    for (const transport of Object.keys(transports) as TransportName[])
      await open(service, transport, { publicKey: PUBLIC_KEYS.optional, customerToken });
  }
  const parts = [...tokens.flatMap((token) => token.split('.').slice(1)), site.secret];
  const log = service.logged().join('');
  assert.match(log, REFUSED);
  for (const part of [...parts, CUSTOMER]) assert.not(log.includes(part));
  const stored = await everything(service);
  assert.ok(stored.includes(CUSTOMER));
  for (const part of parts) assert.not(stored.includes(part));
});

const fuzz = suite('customer token, any text');

fuzz('whatever is sent, the answer is a customer or identity_not_verified', async () => {
  const secret = Buffer.from('s'.repeat(43));
  const identity = { mode: 'required', key: async () => createSecretKey(secret) } as const;
  const check = { identity, keyId: 'k', tenantSlug: 'acme', now: NOW * 1000 };
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(part, part, part).map((parts) => parts.join('.')),
    // Any claims and any header, well signed.
    fc
      .tuple(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom('alg', 'crit', 'b64', 'typ', 'kid', 'zip'), fc.jsonValue()),
      )
      .map(([claims, header]) => jws(claims, secret, header)),
    fc
      .record(
        {
          sub: fc.jsonValue(),
          aud: fc.jsonValue(),
          exp: fc.jsonValue(),
          iat: fc.jsonValue(),
          nbf: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((claims) => jws(claims, secret)),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (customerToken) => {
      const error = await resolveCustomer({ customerId: '', customerToken }, check).catch(
        (thrown: unknown) => thrown,
      );
      assert.instance(error, ServiceError);
      assert.is(error instanceof ServiceError && error.code, REFUSED);
    }),
    { numRuns: 2_000 },
  );
});
