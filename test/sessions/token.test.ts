import { createSecretKey } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import * as assert from 'uvu/assert';
import { createSessionTokens, TOKEN_AUDIENCE, TOKEN_ISSUER, TOKEN_TYPE } from '../../src/sessions/token.js';
import { startTestApp, TEST_SECRET, type TestApp } from '../harness/app.js';
import { transports } from '../parity/transports.js';

const test = suite('token');

const claims = {
  conversationId: '0193aa00-0000-7000-8000-000000000001',
  tenantId: '0193aa00-0000-7000-8000-000000000002',
  keyId: '0193aa00-0000-7000-8000-000000000003',
  jti: 'AAAAAAAAAAAAAAAAAAAAAA',
  iat: 1_800_000_000,
  exp: 1_800_003_600,
};

test('signs what an independent verifier accepts', async () => {
  const secret = Buffer.alloc(32, 1);
  const token = createSessionTokens([{ kid: 'k1', secret }]).sign(claims);
  const { payload, protectedHeader } = await jwtVerify(token, createSecretKey(secret), {
    algorithms: ['HS256'],
    typ: TOKEN_TYPE,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    currentDate: new Date((claims.exp - 1) * 1000),
  });
  assert.equal(protectedHeader, { alg: 'HS256', typ: 'chat-session+jwt', kid: 'k1' });
  assert.equal(payload, {
    iss: 'chatsessions',
    aud: 'chatsessions',
    sub: claims.conversationId,
    tid: claims.tenantId,
    key: claims.keyId,
    jti: claims.jti,
    iat: claims.iat,
    exp: claims.exp,
  });
});

test('the first key signs', () => {
  const secret = Buffer.alloc(32, 1);
  const other = Buffer.alloc(32, 2);
  const token = createSessionTokens([
    { kid: 'new', secret },
    { kid: 'old', secret: other },
  ]).sign(claims);
  assert.is(decodeProtectedHeader(token).kid, 'new');
});

test('the same claims give the same token', () => {
  const signer = createSessionTokens([{ kid: 'k1', secret: Buffer.alloc(32, 1) }]);
  assert.is(signer.sign(claims), signer.sign(claims));
});

const live = suite('token of an open session');
let service: TestApp;
live.before(async () => {
  service = await startTestApp();
});
live.after(() => service.close());

for (const [name, transport] of Object.entries(transports)) {
  live(`says what was answered, and nothing of the customer [${name}]`, async () => {
    const step = {
      origin: 'https://acme.com',
      request: {
        publicKey: 'pk_live_00000000000000000000000000000001',
        customerId: 'customer-4711',
        variables: { cart_total: 129 },
      },
      chat: {},
      engine: { code: 'OK' },
    };
    const answer = await transport(service, step)?.();
    const body = answer?.body as { sessionToken: string; conversationId: string; expiresAt: string };
    const { payload } = await jwtVerify(body.sessionToken, createSecretKey(TEST_SECRET), {
      algorithms: ['HS256'],
      typ: TOKEN_TYPE,
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
    });
    assert.is(payload.sub, body.conversationId);
    assert.is(new Date((payload.exp ?? 0) * 1000).toISOString().replace('.000Z', 'Z'), body.expiresAt);
    assert.is((payload.exp ?? 0) - (payload.iat ?? 0), 3600);
    const { iat: _, exp: __, ...texts } = payload;
    assert.not.match(JSON.stringify(texts), /customer-4711|cart_total|:129/);
    assert.not.match(body.sessionToken, /pk_live/);
  });
}
