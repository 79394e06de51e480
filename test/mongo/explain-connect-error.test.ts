import { once } from 'node:events';
import { createServer } from 'node:net';
import { suite } from '@chatsessions/test-harness';
import { MongoServerError } from 'mongodb';
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/mongo/database.js';
import { explainConnectError } from '../../src/mongo/driver-errors.js';

const test = suite('why connecting failed');

/** What the operator is told when the service connects with this string. */
async function explained(uri: string): Promise<string> {
  const error = await openDatabase(uri, 'never').catch((thrown: unknown) => thrown);
  assert.instance(error, Error);
  return explainConnectError(error);
}

const STRINGS: readonly (readonly [uri: string, told: RegExp])[] = [
  ['mongodb://me:hun@ter2@h/', /percent-encoded/],
  ['mongodb://me:hun:ter2@h/', /percent-encoded/],
  ['mongodb://me:hun/ter2@h/', /percent-encoded/],
  ['mongodb://me:hun%ter2@h/', /percent-encoded/],
  ['mongodb://me:hunter2@h/?foo=hunter2', /no valid connection string/],
  ['mongodb://me:hunter2@h/?replicaSet', /no valid connection string/],
  ['mongodb+srv://me:hunter2@h.invalid:27017/', /mongodb\+srv/],
  ['mongodb://me:hunter2@127.0.0.1:9/', /connection is refused/],
];
for (const [uri, told] of STRINGS) {
  test(uri, async () => {
    const text = await explained(uri);
    assert.match(text, told);
    for (const part of ['hunter2', 'hun', 'ter2']) assert.not.match(text, part);
  });
}

test('TLS with a server that speaks none', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('no TLS here'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  try {
    assert.match(await explained(`mongodb://me:hunter2@127.0.0.1:${port}/?tls=true`), /^TLS fails/);
  } finally {
    server.close();
  }
});

const coded = (message: string, code: string) => Object.assign(new Error(message), { code });
const ERRORS: readonly (readonly [name: string, error: Error, told: RegExp])[] = [
  ['SRV', coded('querySrv ENOTFOUND _mongodb._tcp.hunter2', 'ENOTFOUND'), /SRV record/],
  ['DNS', coded('getaddrinfo ENOTFOUND hunter2', 'ENOTFOUND'), /does not resolve.*percent-encoded/],
  [
    'certificate, by its code',
    new Error('x', { cause: coded('hunter2', 'DEPTH_ZERO_SELF_SIGNED_CERT') }),
    /^TLS fails/,
  ],
  ['certificate', new Error('x', { cause: new Error('self-signed certificate') }), /^TLS fails/],
  ['user', new MongoServerError({ message: 'Authentication failed.', code: 18 }), /refuses the user/],
  ['Atlas', new MongoServerError({ message: 'bad auth', code: 8000 }), /refuses the user/],
];
for (const [name, error, told] of ERRORS) {
  test(`error: ${name}`, () => {
    assert.match(explainConnectError(error), told);
    assert.not.match(explainConnectError(error), 'hunter2');
  });
}
