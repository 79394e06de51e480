import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, tempDir } from '@chatsessions/test-harness';
import { credentials, Metadata } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { StartError } from '../../src/app/start-error.js';
import { type AppliedTenant, applyTenants } from '../../src/catalog/apply-tenants.js';
import { createIdentitySecrets } from '../../src/catalog/identity-secrets.js';
import { parseTenantFile } from '../../src/catalog/tenant-file.js';
import {
  ChatSessionsClient,
  type VerifySessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoCatalog } from '../../src/mongo/mongo-catalog.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { repoFile } from '../harness/repo-file.js';
import { applyDeps } from '../harness/tenants.js';
import { transports } from '../parity/transports.js';
import {
  CUSTOMER,
  customer,
  everything,
  HOUR,
  jws,
  NOW,
  open,
  PUBLIC_KEYS,
  SEED_FILE,
  type Site,
  siteOf,
  type TransportName,
  tokenOf,
} from './site.js';

const test = suite('identity secrets of a service', { fileTimeoutMs: 110_000 });

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const SEED_TEXT = await readFile(SEED_FILE, 'utf8');
const names = Object.keys(transports) as TransportName[];
const now = () => NOW * 1000;

const keyring = (keys: Readonly<Record<string, Buffer>>) =>
  Object.entries(keys)
    .map(([kid, secret]) => `${kid}:${secret.toString('base64')}`)
    .join(',');

/** A service with keys that verify identities. */
const started = (env: Record<string, string> = {}) =>
  startTestApp({
    env: { SEED_FILE, LOG_LEVEL: 'trace', IDENTITY_ENCRYPTION_KEYS: keyring({ old: OLD }), ...env },
    now,
  });

const databaseName = (service: TestApp) => service.withDatabase(async (_client, name) => name);

/** A second service on the database of a first one. */
const beside = async (service: TestApp, env: Record<string, string>) =>
  started({ MONGODB_URI: service.app.databaseUri, MONGODB_DB: await databaseName(service), ...env });

/** Applies a tenant file to a service's database, as another process would. */
async function applyFrom(elsewhere: TestApp, text: string): Promise<readonly AppliedTenant[]> {
  const database = await openDatabase(elsewhere.app.databaseUri, await databaseName(elsewhere));
  try {
    const identitySecrets = createIdentitySecrets({
      keyring: async () => [{ kid: 'old', secret: OLD }],
      randomBytes,
    });
    const file = parseTenantFile(text, { fileName: 'seed.yaml' });
    return await applyTenants(file, applyDeps(mongoCatalog(database), { identitySecrets }));
  } finally {
    await database.close();
  }
}

/** Whom an open with a token of the site is stored for, or its refusal. */
async function opens(service: TestApp, transport: TransportName, mode: 'optional' | 'required', site?: Site) {
  const customerToken = site && tokenOf(site);
  return customer(service, await open(service, transport, { publicKey: PUBLIC_KEYS[mode], customerToken }));
}

const shown = (applied: readonly AppliedTenant[]): string[] =>
  applied.flatMap(({ keys }) => keys.flatMap(({ identitySecret }) => identitySecret ?? []));

test('a raised generation is a new secret, in every process, within the time of a poll', async () => {
  const service = await started();
  try {
    const before = siteOf(service, 'required');
    assert.is(await opens(service, 'gRPC', 'required', before), `${CUSTOMER}, verified`);
    const applied = await applyFrom(service, SEED_TEXT.replace(/Generation: 1/, 'Generation: 2'));
    const [secret = '', ...others] = shown(applied);
    assert.equal(others, []);
    assert.is.not(secret, before.secret);
    while ((await opens(service, 'gRPC', 'required', before)) !== 'identity_not_verified') await sleep(50);
    for (const transport of names)
      assert.is(await opens(service, transport, 'required', { ...before, secret }), `${CUSTOMER}, verified`);
    assert.equal(shown(await applyFrom(service, SEED_TEXT.replace(/Generation: 1/, 'Generation: 2'))), []);
  } finally {
    await service.close();
  }
});

test('of two processes that apply a file at once, one shows each secret', async () => {
  const service = await startTestApp({ env: { IDENTITY_ENCRYPTION_KEYS: keyring({ old: OLD }) }, now });
  try {
    // First with the tenant and its keys to be made too, then with nothing but a secret to be replaced.
    for (const generation of [1, 2]) {
      const text = SEED_TEXT.replace(/Generation: 1/, `Generation: ${generation}`).replaceAll('acme', 'race');
      const applied = await Promise.all([applyFrom(service, text), applyFrom(service, text)]);
      const secrets = applied.flatMap(shown);
      assert.is(secrets.length, generation === 1 ? 2 : 1);
      assert.is(new Set(secrets).size, secrets.length);
      const stored = applied.flatMap((tenants) => tenants.flatMap(({ keys }) => keys.map(({ id }) => id)));
      assert.is(new Set(stored).size, 3);
    }
  } finally {
    await service.close();
  }
});

test('a secret is opened with any key of the configuration, and shown at no later start', async () => {
  const service = await started();
  const site = siteOf(service, 'required');
  const second = await beside(service, { IDENTITY_ENCRYPTION_KEYS: keyring({ new: NEW, old: OLD }) });
  try {
    assert.equal(shown(second.app.applied), []);
    const answer = await open(second, 'gRPC', {
      publicKey: PUBLIC_KEYS.required,
      customerToken: tokenOf(site),
    });
    assert.is(await customer(service, answer), `${CUSTOMER}, verified`);
  } finally {
    await second.close();
    await service.close();
  }
});

const WRONG: readonly (readonly [name: string, keys: Readonly<Record<string, Buffer>>, logged: RegExp])[] = [
  ['without its key', { new: NEW }, /has no key by the name old/],
  ['with another key by its name', { old: NEW }, /has another key than it was sealed with by the name old/],
];
for (const [name, keys, logged] of WRONG) {
  test(`a secret ${name} cannot be opened: internal where it is needed, and the log says why`, async () => {
    const service = await started();
    const site = siteOf(service, 'optional');
    const second = await beside(service, { IDENTITY_ENCRYPTION_KEYS: keyring(keys) });
    try {
      for (const transport of names) {
        const publicKey = PUBLIC_KEYS.optional;
        // What cannot be good whatever the secret is the browser's fault, and nothing to be logged as ours.
        const required = await open(second, transport, { publicKey: PUBLIC_KEYS.required });
        assert.is(required.reason, 'identity_not_verified');
        const garbage = await open(second, transport, { publicKey, customerToken: 'garbage' });
        assert.is(garbage.reason, 'identity_not_verified');
        const { reason, raw } = await open(second, transport, { publicKey, customerToken: tokenOf(site) });
        assert.is(reason, 'internal');
        assert.not.match(raw, /old|secret|IDENTITY/i);
        const without = await open(second, transport, { publicKey, customerId: CUSTOMER });
        assert.is(await customer(service, without), `${CUSTOMER}, not verified`);
      }
      const lines = second.logged().filter((line) => line.includes('"code":"internal"'));
      assert.is(lines.length, names.length);
      for (const line of lines) assert.match(line, logged);
      for (const part of [...tokenOf(site).split('.').slice(1), site.secret])
        assert.not(second.logged().join('').includes(part));
    } finally {
      await second.close();
      await service.close();
    }
  });
}

test('the key in DATA_DIR is made when it is first needed, is its owner’s only, and is kept', async () => {
  const dataDir = await tempDir();
  const file = join(dataDir, 'identity-encryption-key');
  const env = { DATA_DIR: dataDir, IDENTITY_ENCRYPTION_KEYS: '' };
  const service = await startTestApp({ env, now });
  try {
    assert.not(existsSync(file));
    const second = await beside(service, env);
    const site = siteOf(second, 'required');
    await second.close();
    assert.is((await stat(file)).mode & 0o777, 0o600);
    const text = await readFile(file, 'utf8');
    assert.is(Buffer.from(text, 'base64').length, 32);
    const third = await beside(service, env);
    try {
      assert.is(await readFile(file, 'utf8'), text);
      const answer = await open(third, 'gRPC', {
        publicKey: PUBLIC_KEYS.required,
        customerToken: tokenOf(site),
      });
      assert.is(await customer(service, answer), `${CUSTOMER}, verified`);
    } finally {
      await third.close();
    }
  } finally {
    await service.close();
  }
});

test('in production, without the variable, a file that verifies identities is refused by its name', async () => {
  const service = await started();
  const production = { NODE_ENV: 'production', HTTP_ADDR: '127.0.0.1:0', IDENTITY_ENCRYPTION_KEYS: '' };
  try {
    const error = await beside(service, production).catch((thrown: unknown) => thrown);
    assert.instance(error, StartError);
    assert.match(
      String(error),
      'tenant acme: the key "Optional" has identity: optional, which needs IDENTITY_ENCRYPTION_KEYS',
    );
    const plain = { ...production, SEED_FILE: repoFile('test/cases/open-session.seed.yaml') };
    await (await beside(service, plain)).close();
  } finally {
    await service.close();
  }
});

test('secrets are sealed at rest, in a collection of their own', async () => {
  const service = await started();
  try {
    const stored = await everything(service);
    assert.ok(stored.includes('identity_secrets'));
    for (const mode of ['optional', 'required'] as const) {
      const { secret } = siteOf(service, mode);
      const bytes = Buffer.from(secret, 'base64url');
      assert.is(bytes.length, 32);
      for (const form of [secret, bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('base64')])
        assert.not(stored.includes(form));
      assert.not(service.logged().join('').includes(secret));
    }
  } finally {
    await service.close();
  }
});

test('internal services see whom the site vouched for', async () => {
  const service = await started();
  const client = new ChatSessionsClient(service.grpcTarget, credentials.createInsecure());
  try {
    const site = siteOf(service, 'optional');
    const verify = async (request: object) => {
      const { body } = await open(service, 'public path', { publicKey: PUBLIC_KEYS.optional, ...request });
      const { sessionToken } = body as { sessionToken: string };
      const answer = await new Promise<VerifySessionResponse>((resolve, reject) =>
        client.verifySession({ token: sessionToken, intentName: '' }, new Metadata(), (error, response) =>
          error ? reject(error) : resolve(response),
        ),
      );
      return [answer.customerId, answer.customerVerified];
    };
    const exp = NOW + HOUR;
    const customerToken = jws({ sub: CUSTOMER, aud: site.aud, exp }, site.secret);
    assert.equal(await verify({ customerToken }), [CUSTOMER, true]);
    assert.equal(await verify({ customerId: CUSTOMER }), [CUSTOMER, false]);
  } finally {
    client.close();
    await service.close();
  }
});
