import { createSecretKey } from 'node:crypto';
import { connect } from 'node:net';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import { decodeJwt, jwtVerify } from 'jose';
import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import { ServiceError } from '../../src/rpc/errors.js';
import {
  createSessionTokens,
  type SessionClaims,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_TYPE,
} from '../../src/sessions/token.js';
import { startTestApp, TEST_SECRET, type TestApp } from '../harness/app.js';
import { openRequest } from '../harness/requests.js';
import { type Forgery, forgeries, type Genuine, jws } from './forged-tokens.js';
import {
  type EngineClient,
  engineClient,
  engineOutcome,
  getOnConnect,
  getOnPublicPath,
  type Outcome,
} from './session-calls.js';

const test = suite('forged tokens');

const NOW = 1_800_000_010;
const other = { kid: 'old', secret: Buffer.alloc(32, 2) };
const tokens = createSessionTokens([{ kid: 'test', secret: TEST_SECRET }, other]);

const good: SessionClaims = {
  conversationId: '0193aa00-0000-7000-8000-000000000001',
  tenantId: '0193aa00-0000-7000-8000-000000000002',
  keyId: '0193aa00-0000-7000-8000-000000000003',
  jti: 'AbCdEfGhIjKlMnOpQrStUv',
  iat: 1_800_000_000,
  exp: 1_800_003_600,
};

function genuineOf(token: string, sibling: string): Genuine {
  const header = { alg: 'HS256', typ: 'chat-session+jwt', kid: 'test' };
  return { token, sibling, header, claims: decodeJwt(token), secret: TEST_SECRET, other };
}

const siblingOf = (claims: SessionClaims) => tokens.sign({ ...claims, jti: 'another-one-of-them-00' });
const genuine = genuineOf(tokens.sign(good), siblingOf(good));

/** Why a token is refused; undefined when it is let in. */
function refusalOf(token: string, now = NOW): ServiceError | undefined {
  try {
    tokens.verify(token, now * 1000);
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

test('the genuine token is let in, and made anew from its parts it is the same', () => {
  assert.equal(tokens.verify(genuine.token, NOW * 1000), good);
  const { header, claims, secret, token } = genuine;
  assert.is(jws(JSON.stringify(header), JSON.stringify(claims), secret), token);
  assert.is(refusalOf(genuine.sibling), undefined);
  const old = { ...header, kid: other.kid };
  assert.is(refusalOf(jws(JSON.stringify(old), JSON.stringify(claims), other.secret)), undefined);
});

for (const { name, forge } of forgeries) {
  test(`refuses ${name}`, () => {
    const refusal = refusalOf(forge(genuine));
    assert.is(refusal?.code, 'invalid_session_token');
    assert.is(refusal?.details.cause, undefined);
  });
}

const TIMES: readonly (readonly [name: string, now: number, grace: number, answer: string])[] = [
  ['a minute before iat', good.iat - 60, 0, 'good'],
  ['61 s before iat', good.iat - 61, 0, 'refused'],
  ['at iat', good.iat, 0, 'good'],
  ['a second before exp', good.exp - 1, 0, 'good'],
  ['at exp', good.exp, 0, 'expired'],
  ['long after exp', good.exp + 1e9, 0, 'expired'],
  ['within the grace', good.exp + 99, 100, 'good'],
  ['at the end of the grace', good.exp + 100, 100, 'expired'],
];
for (const [name, now, grace, answer] of TIMES) {
  test(`time: ${name}: ${answer}`, () => {
    let said = 'good';
    try {
      tokens.verify(genuine.token, now * 1000, grace);
    } catch (error) {
      said = (error instanceof ServiceError && error.details.cause) || 'refused';
    }
    assert.is(said, answer);
  });
}

test('a forged token that has expired too is not called expired', () => {
  for (const { name, forge } of forgeries) {
    const refusal = refusalOf(forge(genuine), good.exp + 10);
    assert.is(refusal?.code, 'invalid_session_token', name);
    assert.is(refusal?.details.cause, undefined, name);
  }
});

/** What jose makes of a token. */
async function byJose(token: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const checks = {
    algorithms: ['HS256'],
    typ: TOKEN_TYPE,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    currentDate: new Date(NOW * 1000),
  };
  return jwtVerify(token, createSecretKey(TEST_SECRET), checks).then(
    ({ payload }) => payload,
    () => undefined,
  );
}

const anyCharacter = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[A-Za-z0-9_-]$/) },
  { weight: 2, arbitrary: fc.constantFrom('.', '=', '+', '/', ' ', '\n', '\0', '%') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
);
const anyMutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(2_000),
  kind: fc.constantFrom('replace', 'insert', 'delete', 'swap', 'double'),
  character: anyCharacter,
});

/** One change of a text. */
interface Mutation {
  readonly at: number;
  readonly kind: 'replace' | 'insert' | 'delete' | 'swap' | 'double';
  readonly character: string;
}

function mutate(text: string, { at, kind, character }: Mutation): string {
  const i = at % (text.length + 1);
  const [before, after] = [text.slice(0, i), text.slice(i)];
  if (kind === 'replace') return before + character + after.slice(1);
  if (kind === 'insert') return before + character + after;
  if (kind === 'delete') return before + after.slice(1);
  if (kind === 'swap') return before + after.slice(1, 2) + after.slice(0, 1) + after.slice(2);
  return before + after.slice(0, 1) + after;
}

test(
  'whatever is changed in a token, it is refused; jose takes none of them but as another spelling of it',
  async () => {
    let spellings = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyMutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const changed = mutations.reduce(mutate, genuine.token);
        const theirs = await byJose(changed);
        if (changed === genuine.token) return assert.is(refusalOf(changed), undefined);
        const refusal = refusalOf(changed);
        assert.is(refusal?.code, 'invalid_session_token');
        assert.is(refusal?.details.cause, undefined);
        if (theirs === undefined) return;
        spellings++;
        assert.equal(theirs, genuine.claims);
      }),
      { numRuns: 4_000 },
    );
    process.stdout.write(`${spellings} of 4000 changed tokens were other spellings to jose\n`);
  },
  { timeoutMs: 60_000 },
);

test(
  'whatever is signed, what is let in here jose lets in too, with the same claims',
  async () => {
    const anyTime = fc.integer({ min: NOW - 4_000, max: NOW + 90_000 });
    const anyChange = fc.oneof(
      fc.record({ iat: anyTime, exp: anyTime }),
      fc.record({ exp: anyTime }),
      fc.record({ sub: fc.uuid(), jti: fc.string() }),
      fc.dictionary(fc.constantFrom('iss', 'aud', 'sub', 'jti', 'iat', 'exp', 'nbf'), fc.jsonValue(), {
        maxKeys: 2,
      }),
    );
    let letIn = 0;
    await fc.assert(
      fc.asyncProperty(anyChange, async (change) => {
        const claims = { ...genuine.claims, ...change };
        const token = jws(JSON.stringify(genuine.header), JSON.stringify(claims), TEST_SECRET);
        if (refusalOf(token)) return;
        letIn++;
        assert.equal(await byJose(token), JSON.parse(JSON.stringify(claims)));
      }),
      { numRuns: 3_000 },
    );
    assert.ok(letIn > 100, `only ${letIn} were let in`);
  },
  { timeoutMs: 60_000 },
);

const live = suite('forged tokens at a running service');

const KEY = 'pk_live_00000000000000000000000000000001';
const SISTER_KEY = 'pk_live_00000000000000000000000000000002';
const GLOBEX_KEY = 'pk_live_00000000000000000000000000000006';

let service: TestApp;
let engine: EngineClient;
let opened: Genuine;
/** Sessions of another key of the tenant, and of another tenant. */
let sister: SessionClaims;
let globex: SessionClaims;

live.before(async () => {
  const keys = [`test:${TEST_SECRET.toString('base64')}`, `old:${other.secret.toString('base64')}`];
  service = await startTestApp({ env: { SESSION_SIGNING_KEYS: keys.join(',') } });
  engine = engineClient(service);
  const claimsOf = async (publicKey: string) => {
    const request = openRequest({ publicKey });
    const { sessionToken } = await engine.openSession(request);
    return tokens.verify(sessionToken, Date.now());
  };
  const claims = await claimsOf(KEY);
  sister = await claimsOf(SISTER_KEY);
  globex = await claimsOf(GLOBEX_KEY);
  opened = genuineOf(tokens.sign(claims), siblingOf(claims));
});
live.after(async () => {
  engine.close();
  await service.close();
});

/** Signed by our own key, and still nobody's session: only the service can know. */
const misfits: readonly Forgery[] = (
  [
    ['the conversation of another key', () => ({ conversationId: sister.conversationId })],
    ['the conversation of another tenant', () => ({ conversationId: globex.conversationId })],
    ['a conversation that is not there', () => ({ conversationId: uuidV7() })],
    ['the key of another widget of the tenant', () => ({ keyId: sister.keyId })],
    ['the widget key of another tenant', () => ({ keyId: globex.keyId })],
    ['tid of another tenant', () => ({ tenantId: globex.tenantId })],
    ['tid of no tenant', () => ({ tenantId: uuidV7() })],
    [
      'tid and conversation of another tenant',
      () => ({ tenantId: globex.tenantId, conversationId: globex.conversationId }),
    ],
    [
      'key and conversation of another tenant',
      () => ({ keyId: globex.keyId, conversationId: globex.conversationId }),
    ],
    ['sub: the key', () => ({ conversationId: sister.keyId })],
  ] satisfies readonly (readonly [string, () => Partial<SessionClaims>])[]
).map(([name, change]) => ({
  name: `rightly signed: ${name}`,
  forge: ({ token }) => tokens.sign({ ...tokens.verify(token, Date.now()), ...change() }),
}));

/** A way to show a token to the service. */
interface Way {
  readonly show: (token: string) => Promise<Outcome>;
  readonly refused: number | string;
  /** What comes back where the token cannot get as far as being verified; undefined when it cannot be sent at all. */
  readonly exception: (token: string) => Partial<Outcome> | 'cannot be sent' | undefined;
}

/** Both edges take 16 KiB of headers (RFC 9110, 5.4 leaves that to servers). */
const LARGE_FOR_HTTP = 15_000;
const HTTP_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const httpException: Way['exception'] = (token) => {
  // RFC 9110, 5.5: neither control characters, nor white space that belongs to the value at its end. Spaces before the
  // token belong to those behind the scheme (section 11.4).
  if (!HTTP_VALUE.test(token) || /^ |[ \t]$/.test(token)) return 'cannot be sent';
  return token.length > LARGE_FOR_HTTP ? { status: 431, reason: 'headers_too_large' } : undefined;
};

const ways: Readonly<Record<string, Way>> = {
  'public path': {
    show: (token) => getOnPublicPath(service, token),
    refused: 401,
    exception: httpException,
  },
  'Connect JSON': {
    show: (token) => getOnConnect(service, token),
    refused: 401,
    exception: httpException,
  },
  'gRPC GetSession': {
    show: (token) => engineOutcome(engine.getSession({}, token)),
    refused: 'UNAUTHENTICATED',
    exception: (token) => {
      if (!/^[ -~]*$/.test(token)) return 'cannot be sent';
      // HTTP/2 itself ends the stream, below the service, with a status that is gRPC's own.
      if (token.length > 65_000) return { status: 'INTERNAL', reason: undefined };
      return token.length > LARGE_FOR_HTTP ? { status: 'RESOURCE_EXHAUSTED', reason: undefined } : undefined;
    },
  },
  'gRPC VerifySession': {
    show: (token) => engineOutcome(engine.verifySession({ token, intentName: '' })),
    refused: 'UNAUTHENTICATED',
    exception: (token) => {
      if (token === '') return { status: 'INVALID_ARGUMENT', reason: 'invalid_input' };
      return token.length > 65_000
        ? { status: 'RESOURCE_EXHAUSTED', reason: 'payload_too_large' }
        : undefined;
    },
  },
};

for (const [way, { show, refused, exception }] of Object.entries(ways)) {
  live(`lets the genuine token in [${way}]`, async () => {
    for (const token of [opened.token, opened.sibling]) {
      const { status, raw } = await show(token);
      assert.ok(status === 200 || status === 'OK', raw);
    }
  });

  const carried = forgeries.filter(({ forge }) => exception(forge(genuine)) !== 'cannot be sent');
  for (const { name, forge } of [...carried, ...misfits]) {
    live(`refuses ${name} [${way}]`, async () => {
      const token = forge(opened);
      const expected = exception(token) ?? { status: refused, reason: 'invalid_session_token' };
      const { raw, ...outcome } = await show(token);
      assert.equal(outcome, Object.assign({ cause: undefined }, expected), raw);
    });
  }

  live(`refuses rightly signed: tid and key of another tenant [${way}]`, async () => {
    const { tenantId, keyId } = globex;
    const { reason } = await show(
      tokens.sign({ ...tokens.verify(opened.token, Date.now()), tenantId, keyId }),
    );
    // A browser is told first that the other tenant's widget is not for its page.
    assert.is(reason, refused === 401 ? 'origin_not_allowed' : 'invalid_session_token');
  });

  live(`a genuine token that has expired is told so [${way}]`, async () => {
    const iat = Math.floor(Date.now() / 1000) - 7_200;
    const token = tokens.sign({ ...tokens.verify(opened.token, Date.now()), iat, exp: iat + 3_600 });
    const { status, reason, cause } = await show(token);
    assert.equal([status, reason, cause], [refused, 'invalid_session_token', 'expired']);
  });

  live(`a genuine token of a key that is not there: widget_disabled [${way}]`, async () => {
    const token = tokens.sign({ ...tokens.verify(opened.token, Date.now()), keyId: uuidV7() });
    assert.is((await show(token)).reason, 'widget_disabled');
  });

  live(`still lets the genuine token in after all that [${way}]`, async () => {
    const { status, raw } = await show(opened.token);
    assert.ok(status === 200 || status === 'OK', raw);
  });
}

for (const [name, value] of [
  ['a NUL', '\0'],
  ['a line break', '\nx'],
] as const) {
  live(`${name} in the header, sent all the same, is no HTTP request`, async () => {
    const { hostname, port } = new URL(service.httpUrl);
    const socket = connect(Number(port), hostname);
    socket.end(
      `GET /api/public/v1/chat/sessions/current HTTP/1.1\r\nHost: x\r\nOrigin: https://acme.com\r\n` +
        `Authorization: Bearer ${opened.token}${value}\r\nConnection: close\r\n\r\n`,
    );
    const chunks = await socket.toArray();
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 .*"error":"invalid_input"/s);
  });
}
