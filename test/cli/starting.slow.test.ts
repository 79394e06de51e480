import { once } from 'node:events';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { httpUrlOf, startService } from '../harness/service-process.js';
import { post, SEED } from './open.js';

const test = suite('starting the process');
const STACK = /\n\s+at /;

test('it shows that it works behind a proxy of the company, too', async () => {
  const service = await startService({ http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' });
  await service.printed(/OpenSession\n\n$/);
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
});

const taken = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

for (const name of ['HTTP_ADDR', 'GRPC_ADDR']) {
  test(`${name} is taken: one clear line`, async () => {
    const server = await taken();
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const service = await startService({ [name]: `127.0.0.1:${port}` });
    assert.is(await service.exited, 1);
    assert.is(
      service.stderr(),
      `chatsessions: ${name} 127.0.0.1:${port} cannot be listened on: another program has it already\n`,
    );
    server.close();
  });
}

const REFUSALS: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ['a bad address', { HTTP_ADDR: 'nonsense' }, /^chatsessions: HTTP_ADDR must be HOST:PORT/],
  [
    'production without a database and keys',
    { NODE_ENV: 'production' },
    /MONGODB_URI is required in production\nchatsessions: SESSION_SIGNING_KEYS is required/,
  ],
  [
    'gRPC open to the world',
    { GRPC_ADDR: '0.0.0.0:0' },
    /^chatsessions: GRPC_ADDR is reachable from other machines/,
  ],
  [
    'a seed file that is not there',
    { SEED_FILE: '/nowhere/seed.yaml' },
    /^chatsessions: SEED_FILE \/nowhere\/seed\.yaml cannot be read: ENOENT/,
  ],
  [
    'a callers file that is not there',
    { ENGINE_CALLERS_FILE: '/nowhere/callers.yaml' },
    /^chatsessions: ENGINE_CALLERS_FILE \/nowhere\/callers\.yaml cannot be read: ENOENT/,
  ],
  [
    'a database that does not answer',
    { MONGODB_URI: 'mongodb://user:secret-password@127.0.0.1:9/' },
    /^chatsessions: MONGODB_URI cannot be used: /,
  ],
  [
    'a folder that can have no children',
    { DATA_DIR: '/proc/nowhere/data' },
    /^chatsessions: DATA_DIR \/proc\/nowhere\/data cannot be used/,
  ],
  [
    'a folder that cannot be',
    { DATA_DIR: '/dev/null/nowhere' },
    /^chatsessions: DATA_DIR \/dev\/null\/nowhere cannot be used/,
  ],
];
for (const [name, env, message] of REFUSALS) {
  test(`${name}: clear lines and exit 1`, async () => {
    const service = await startService(env);
    assert.is(await service.exited, 1);
    assert.match(service.stderr(), message);
    assert.not.match(service.stderr(), STACK);
    assert.not.match(service.stderr(), 'secret-password');
    assert.is(service.stdout(), '');
  });
}

test('a seed file with faults: each with its line', async () => {
  const file = join(await tempDir(), 'seed.yaml');
  await writeFile(file, 'tenants:\n  - slug: Acme!\n    name: Acme\n    colour: red\n');
  const service = await startService({ SEED_FILE: file });
  assert.is(await service.exited, 1);
  assert.match(service.stderr(), /seed\.yaml:2:\d+ tenants\[0\]\.slug: /);
  assert.match(service.stderr(), /seed\.yaml:4:\d+ tenants\[0\]\.colour: /);
  assert.not.match(service.stderr(), STACK);
});

test('two processes on one folder: the second refuses, and says who holds it', async () => {
  const dataDir = await tempDir();
  const first = await startService({ DATA_DIR: dataDir });
  const url = await httpUrlOf(first);
  const second = await startService({ DATA_DIR: dataDir });
  assert.is(await second.exited, 1);
  assert.match(second.stderr(), new RegExp(`^chatsessions: .*\\b${first.child.pid}\\b.*\\n$`));
  assert.is((await post(url, { publicKey: 'pk_live_de300000000000000000000000000001' })).status, 200);
  first.child.kill('SIGTERM');
  assert.is(await first.exited, 0);
});

const KEYS = `a:${Buffer.alloc(32, 7).toString('base64')}`;
const DEMO = { publicKey: 'pk_live_de300000000000000000000000000001' };

for (const [name, env] of [
  ['signing keys', { SESSION_SIGNING_KEYS: KEYS }],
  ['an address for other machines', { HTTP_ADDR: '0.0.0.0:0' }],
] as const) {
  test(`the demo tenant is not served with ${name}, nor when an earlier start has left it`, async () => {
    const dataDir = await tempDir();
    const fresh = await startService({ DATA_DIR: dataDir, ...env });
    const url = await httpUrlOf(fresh);
    await fresh.printed(/The demo tenant is not served, because /);
    assert.is((await post(url, DEMO)).status, 403);
    fresh.child.kill('SIGTERM');
    assert.is(await fresh.exited, 0);

    const demo = await startService({ DATA_DIR: dataDir });
    assert.is((await post(await httpUrlOf(demo), DEMO)).status, 200);
    demo.child.kill('SIGTERM');
    assert.is(await demo.exited, 0);

    const left = await startService({ DATA_DIR: dataDir, ...env });
    assert.is(await left.exited, 1);
    assert.match(left.stderr(), /^chatsessions: the database holds the demo tenant, and /);
  });
}

test('a key that is made outlives a restart, is the same one, and is its owner’s only', async () => {
  const dataDir = await mkdtemp(join(await tempDir(), 'data.'));
  const token = async () => {
    const service = await startService({ DATA_DIR: dataDir, SEED_FILE: SEED });
    const url = await httpUrlOf(service);
    const answer = await post(
      url,
      { publicKey: 'pk_live_00000000000000000000000000000005' },
      { 'idempotency-key': 'abcdefghijklmnopqrstuv-restart' },
    );
    const { sessionToken } = (await answer.json()) as { sessionToken: string };
    service.child.kill('SIGTERM');
    await service.exited;
    return sessionToken;
  };
  const before = await token();
  assert.is(await token(), before);
  const file = join(dataDir, 'session-signing-key');
  assert.is((await stat(file)).mode & 0o777, 0o600);
  assert.is(Buffer.from(await readFile(file, 'utf8'), 'base64').length, 32);
});
