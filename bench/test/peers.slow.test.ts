import { randomBytes } from 'node:crypto';
import type { JsonValue } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import { createSessionTokens, type SessionClaims } from 'chatsessions/sessions/token.js';
import { type Db, MongoClient, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import type { Addresses } from '../src/peers/process.js';
import type { SessionRow } from '../src/peers/session.js';
import { repoFile } from '../src/repo-file.js';
import { type Child, startChild } from '../src/servers/child.js';
import { embeddedDatabase, type SharedDatabase, serverAt } from '../src/servers/database.js';
import { addressesOf, type ServerProcess, startOurs } from '../src/servers/server-process.js';
import { type Answer, type OpenInput, openOver, type Transport, textOf } from './open.js';

/** Each peer does the same job as the service on the ordinary path, or the comparison would say nothing. */

interface Peer {
  readonly file: string;
  readonly collection: string;
  readonly over: readonly Transport[];
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

const LOCAL = 'http://localhost:3000';
const publicKey = (n: number) => `pk_live_${n.toString().padStart(32, '0')}`;

const OPENS: readonly (readonly [name: string, input: OpenInput])[] = [
  [
    'with everything',
    {
      origin: LOCAL,
      request: {
        publicKey: publicKey(1),
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
  ['with nothing but its key', { origin: LOCAL, request: { publicKey: publicKey(1) } }],
  ['with empty texts', { request: { publicKey: publicKey(1), customerId: '', locale: '', variables: {} } }],
  ['with nulls', { request: { publicKey: publicKey(1), customerId: null, locale: null, variables: null } }],
  [
    'at the limits',
    { request: { publicKey: publicKey(1), customerId: '🙂'.repeat(100), variables: manyKeys(50) } },
  ],
  [
    'with variables as large as they may be',
    { request: { publicKey: publicKey(1), variables: textOfBytes(4096) } },
  ],
  ['of a key with some intents', { request: { publicKey: publicKey(2) } }],
  ['of a key without intents', { request: { publicKey: publicKey(3) } }],
  ['without an origin, where it may be missing', { origin: null, request: { publicKey: publicKey(5) } }],
];

const good = { publicKey: publicKey(1) };
const REFUSED: readonly (readonly [name: string, input: OpenInput])[] = [
  ['a key of another pattern', { request: { publicKey: 'pk_live_1' } }],
  ['an unknown key', { request: { publicKey: publicKey(99) } }],
  ['a disabled key', { request: { publicKey: publicKey(4) } }],
  ['a key past its end', { request: { publicKey: publicKey(6) } }],
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

function manyKeys(count: number): Record<string, JsonValue> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
}

/** Variables that take so many bytes as compact JSON. */
function textOfBytes(size: number): Record<string, JsonValue> {
  const left = size - Buffer.byteLength(JSON.stringify({ page: '' }));
  return { page: 'ü'.repeat(left / 2) + 'x'.repeat(left % 2) };
}

const test = suite('bench peers');
const secret = randomBytes(32);
const tokens = createSessionTokens([{ kid: 'test', secret }]);
const running = new Map<string, Child>();
let database: SharedDatabase;
let service: ServerProcess;
let client: MongoClient;
let db: Db;

test.before(async () => {
  const { MONGODB_URI: uri } = process.env;
  database = uri ? serverAt(uri) : await embeddedDatabase();
  service = await startOurs({
    databaseUri: database.uri,
    databaseName: database.names.servers,
    env: {
      SEED_FILE: repoFile('bench/test/peers.seed.yaml'),
      SESSION_SIGNING_KEYS: `test:${secret.toString('base64')}`,
    },
  });
  client = new MongoClient(database.uri);
  db = client.db(database.names.servers);
  await Promise.all(PEERS.map(async ({ file }) => running.set(file, await start(file))));
});
test.after(async () => {
  await client?.close();
  await service?.stop();
  await database?.close();
});

for (const { file, collection, over } of PEERS) {
  for (const transport of over) {
    for (const [name, input] of OPENS) {
      test(`${file}, ${transport}: an open ${name} is answered and stored as the service does`, async () => {
        const before = await count(collection);
        const ours = await openOver(transport, service, input);
        const theirs = await openOver(transport, peer(file), input);
        assert.equal(shared(theirs), shared(ours));
        // Ids and times take as many characters.
        assert.is(theirs.raw.length, ours.raw.length);
        assert.equal(headersOf(theirs), headersOf(ours));
        assert.equal(claimsOf(theirs), claimsOf(ours));
        assert.is(await count(collection), before + 1);
        assert.equal(await storedOf(theirs, collection), await storedOf(ours, 'conversations'));
      });
    }
    for (const [name, input] of REFUSED) {
      const isOfHttp = input.rawBody !== undefined || input.origin !== undefined;
      if (isOfHttp && transport !== 'public path' && transport !== 'Connect JSON') continue;
      test(`${file}, ${transport}: ${name} is refused as the service does, and nothing is stored`, async () => {
        const before = await count(collection);
        const ours = await openOver(transport, service, input);
        const theirs = await openOver(transport, peer(file), input);
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
    assert.is(service.length, 7);
    assert.equal(await keysOf(collection), service);
  });

  test(`${file}: it ends on SIGTERM`, async () => {
    const { process: child, ended } = childOf(file);
    child.kill('SIGTERM');
    assert.is(await ended, 0);
  });

  test(`${file}: it ends when its parent is gone`, async () => {
    const { process: child, ended } = await start(file);
    child.disconnect();
    assert.is(await ended, 0);
  });
}

function start(file: string): Promise<Child> {
  return startChild(`peers/${file}.js`, {
    MONGODB_URI: database.uri,
    MONGODB_DB: database.names.servers,
    SESSION_SIGNING_KEYS: `test:${secret.toString('base64')}`,
  });
}

function childOf(file: string): Child {
  const child = running.get(file);
  if (!child) throw new Error(`${file} does not run`);
  return child;
}

function peer(file: string): Addresses {
  return addressesOf(file, childOf(file).message);
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
