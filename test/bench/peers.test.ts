import { suite } from '@chatsessions/test-harness';
import { type Db, MongoClient, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import type { SessionRow } from '../../bench/peers/session.js';
import { createSessionTokens, type SessionClaims } from '../../src/sessions/token.js';
import { startTestApp, TEST_SECRET, type TestApp } from '../harness/app.js';
import { repoFile } from '../harness/repo-file.js';
import { changeTenant } from '../harness/tenants.js';
import type { Answer } from '../parity/answer.js';
import { callOver, textOf } from '../parity/call.js';
import type { Step, TransportName } from '../parity/case.js';
import type { Target } from '../parity/transports.js';
import { type PeerProcess, startPeer } from './peers-process.js';

/** Each peer does the same job as the service on the ordinary path, or the comparison would say nothing. */

interface Peer {
  readonly file: string;
  readonly collection: string;
  readonly over: readonly TransportName[];
}

const PEERS: readonly Peer[] = [
  { file: 'fastify', collection: 'sessions_fastify', over: ['public path'] },
  { file: 'express', collection: 'sessions_express', over: ['public path'] },
  { file: 'grpc-js', collection: 'sessions_grpc_js', over: ['gRPC'] },
  {
    file: 'connect-node',
    collection: 'sessions_connect_node',
    over: ['Connect JSON', 'Connect binary', 'gRPC'],
  },
];

type Request = Omit<Step, 'rpc' | 'over'>;

const DEMO_KEY = 'pk_live_de300000000000000000000000000001';
const LOCAL = 'http://localhost:3000';
const acmeKey = (n: number) => `pk_live_${n.toString().padStart(32, '0')}`;

const OPENS: readonly (readonly [name: string, request: Request])[] = [
  [
    'with everything',
    {
      origin: LOCAL,
      request: {
        publicKey: DEMO_KEY,
        customerId: 'u-42 🙂',
        locale: 'en-gb',
        variables: {
          cart_total: 129.5,
          page: 'checkout',
          returning: true,
          coupon: null,
          seen: [1, ['a', [[]]]],
        },
      },
    },
  ],
  ['with nothing but its key', { origin: LOCAL, request: { publicKey: DEMO_KEY } }],
  ['with empty texts', { request: { publicKey: acmeKey(1), customerId: '', locale: '', variables: {} } }],
  ['with nulls', { request: { publicKey: acmeKey(1), customerId: null, locale: null, variables: null } }],
  [
    'at the limits',
    { request: { publicKey: acmeKey(1), customerId: '🙂'.repeat(100), variables: manyKeys(50) } },
  ],
  [
    'with variables as large as they may be',
    { request: { publicKey: acmeKey(1), variables: textOfBytes(4096) } },
  ],
  ['of a key with some intents', { request: { publicKey: acmeKey(2) } }],
  ['of a key without intents', { request: { publicKey: acmeKey(3) } }],
  ['without an origin, where it may be missing', { origin: null, request: { publicKey: acmeKey(5) } }],
];

const good = { publicKey: acmeKey(1) };
const REFUSED: readonly (readonly [name: string, request: Request, over?: TransportName])[] = [
  ['a key of another pattern', { request: { publicKey: 'pk_live_1' } }],
  ['an unknown key', { request: { publicKey: acmeKey(99) } }],
  ['a disabled key', { request: { publicKey: acmeKey(4) } }],
  ['a key past its end', { request: { publicKey: acmeKey(8) } }],
  ['a long customer id', { request: { ...good, customerId: 'u'.repeat(101) } }],
  ['a long locale', { request: { ...good, locale: 'en-GB-x-very-long' } }],
  ['a locale that is none', { request: { ...good, locale: 'en_GB' } }],
  ['too many variables', { request: { ...good, variables: manyKeys(51) } }],
  ['too large variables', { request: { ...good, variables: textOfBytes(4097) } }],
  ['a variable of another pattern', { request: { ...good, variables: { Cart: 1 } } }],
  ['a variable that is an object', { request: { ...good, variables: { cart: {} } } }],
  ['an object in an array', { request: { ...good, variables: { cart: [{ $gt: 1 }] } } }],
  ['a variable nested too deep', { request: { ...good, variables: { cart: [[[[[]]]]] } } }],
  ['an origin that is not allowed', { origin: 'https://evil.example', request: good }],
  ['no origin', { origin: null, request: good }],
  ['a body that is not JSON', { rawBody: '{' }],
];

function manyKeys(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
}

/** Variables that take so many bytes as compact JSON. */
function textOfBytes(size: number): Record<string, string> {
  const left = size - Buffer.byteLength(JSON.stringify({ page: '' }));
  return { page: 'ü'.repeat(left / 2) + 'x'.repeat(left % 2) };
}

const test = suite('bench peers');
const tokens = createSessionTokens([{ kid: 'test', secret: TEST_SECRET }]);
const running = new Map<string, PeerProcess>();
let app: TestApp;
let client: MongoClient;
let db: Db;

test.before(async () => {
  app = await startTestApp({ env: { SEED_FILE: repoFile('src/app/demo-tenant.yaml') } });
  const uri = app.app.databaseUri;
  client = new MongoClient(uri);
  db = client.db(await app.withDatabase(async (_client, name) => name));
  await changeTenant({ uri, name: db.databaseName }, 'acme', (tenant) => tenant);
  await Promise.all(PEERS.map(async ({ file }) => running.set(file, await start(file))));
});
test.after(async () => {
  await client?.close();
  await app?.close();
});

for (const { file, collection, over } of PEERS) {
  for (const transport of over) {
    for (const [name, request] of OPENS) {
      test(`${file}, ${transport}: an open ${name} is answered and stored as the service does`, async () => {
        const before = await count(collection);
        const ours = await callOver(transport, app, 'OpenSession', request);
        const theirs = await callOver(transport, targetOf(file), 'OpenSession', request);
        assert.equal(shared(theirs), shared(ours));
        // Ids and times take as many characters.
        assert.is(theirs.raw.length, ours.raw.length);
        assert.equal(headersOf(theirs), headersOf(ours));
        assert.equal(claimsOf(theirs), claimsOf(ours));
        assert.is(await count(collection), before + 1);
        assert.equal(await storedOf(theirs, collection), await storedOf(ours, 'conversations'));
      });
    }
    for (const [name, request] of REFUSED) {
      const isOfHttp = request.rawBody !== undefined || request.origin !== undefined;
      if (isOfHttp && transport !== 'public path' && transport !== 'Connect JSON') continue;
      test(`${file}, ${transport}: ${name} is refused as the service does, and nothing is stored`, async () => {
        const before = await count(collection);
        const ours = await callOver(transport, app, 'OpenSession', request);
        const theirs = await callOver(transport, targetOf(file), 'OpenSession', request);
        assert.equal(refusalOf(theirs), refusalOf(ours));
        assert.equal(headersOf(theirs), headersOf(ours));
        assert.is(await count(collection), before);
      });
    }
  }

  test(`${file}: its collection has the indexes of the service's`, async () => {
    const keysOf = async (name: string) =>
      (await db.collection(name).listIndexes().toArray()).map(({ key }) => key);
    const service = await keysOf('conversations');
    assert.is(service.length, 6);
    assert.equal(await keysOf(collection), service);
  });

  test(`${file}: it ends on SIGTERM`, async () => {
    const { child, ended } = peerOf(file);
    child.kill('SIGTERM');
    assert.is(await ended, 0);
  });

  test(`${file}: it ends when its parent is gone`, async () => {
    const { child, ended } = await start(file);
    child.disconnect();
    assert.is(await ended, 0);
  });
}

function start(file: string): Promise<PeerProcess> {
  return startPeer(file, {
    MONGODB_URI: app.app.databaseUri,
    MONGODB_DB: db.databaseName,
    SESSION_SIGNING_KEYS: `test:${TEST_SECRET.toString('base64')}`,
  });
}

function peerOf(file: string): PeerProcess {
  const peer = running.get(file);
  if (!peer) throw new Error(`${file} does not run`);
  return peer;
}

function targetOf(file: string): Target {
  const { http = '', grpc = '' } = peerOf(file).addresses;
  return { httpUrl: http, grpcTarget: grpc };
}

/** What two sessions have in common. */
function shared(answer: Answer): unknown {
  const { sessionToken, conversationId, expiresAt, ...rest } = Object(answer.body);
  assert.match(textOf(answer, 'expiresAt'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  return rest;
}

/** What a token says that is the same for two sessions of a key; what it says of its own is that of its answer. */
function claimsOf(answer: Answer): unknown {
  const { conversationId, tenantId, keyId, iat, exp } = verified(answer);
  assert.is(conversationId, textOf(answer, 'conversationId'));
  assert.is(exp * 1000, Date.parse(textOf(answer, 'expiresAt')));
  return { tenantId, keyId, life: exp - iat };
}

function headersOf({ headers }: Answer): unknown {
  const names = ['access-control-allow-origin', 'vary', 'cache-control'];
  // Of the media type, not its parameters.
  const [mediaType] = (headers['content-type'] ?? '').split(';');
  return { mediaType, ...Object.fromEntries(names.map((name) => [name, headers[name]])) };
}

function refusalOf({ status, code, reason, raw }: Answer): unknown {
  assert.ok(status !== 200 && code !== 'OK', `refused: ${raw}`);
  // The peers over Connect and gRPC send the code alone.
  return code === undefined ? { status, reason } : { status, code };
}

const STORED = ['tenantId', 'keyId', 'customerId', 'locale', 'variables', 'origin', 'surface'] as const;

/** What is stored of an answered session, but for its own ids and times. */
async function storedOf(answer: Answer, collection: string): Promise<unknown> {
  const _id = new UUID(textOf(answer, 'conversationId'));
  const row = await db.collection<SessionRow>(collection).findOne({ _id });
  assert.ok(row, `${_id} is in ${collection}`);
  const { jti, iat, exp } = verified(answer);
  assert.equal(row.session, { jti, iat: new Date(iat * 1000), exp: new Date(exp * 1000) });
  const said = STORED.map((name) => [name, row[name]]);
  return { ...Object.fromEntries(said), keptFor: Number(row.purgeAt) - Number(row.createdAt) };
}

function verified(answer: Answer): SessionClaims {
  return tokens.verify(textOf(answer, 'sessionToken'), Date.now());
}

async function count(collection: string): Promise<number> {
  return (await db.collection(collection).find().toArray()).length;
}
