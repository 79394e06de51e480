import { exec, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { startProxy, suite, tempDir } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ChatSessionsClient } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, startService } from '../harness/service-process.js';

const test = suite('process');
const STACK = /\n\s+at /;
const PATH = '/api/public/v1/chat/sessions';
const SEED = repoFile('test/cases/open-session.seed.yaml');

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

test('with nothing set it shows that it works, and its curl line does as pasted', async () => {
  const service = await startService();
  await service.printed(/OpenSession\n\n$/);
  const output = service.stdout();
  assert.is(output.match(/"sessionToken": "[\w.-]{57}…"/g)?.length, 2, output);
  assert.match(output, /POST \/api\/public\/v1\/chat\/sessions {2}\(\d+\.\d ms\)/);
  assert.match(output, /gRPC chatsessions\.v1\.ChatSessions\/OpenSession {2}\(\d+\.\d ms\)/);
  assert.match(output, /grpcurl -plaintext /);
  const [curl = ''] = /curl -s [\s\S]*?'\n/.exec(output.replaceAll('\\\n', ' ')) ?? [];
  const { stdout } = await promisify(exec)(curl);
  assert.match(JSON.parse(stdout).sessionToken, /^eyJ/);
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
  assert.not.match(service.stderr(), STACK);
});

/** Opens a session with `Expect: 100-continue`, so that the client knows when the server has begun with it. */
function openSlowly(
  url: string,
  body: unknown,
): { begun: Promise<unknown>; status: Promise<number | undefined> } {
  const sent = request(`${url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  });
  const begun = once(sent, 'continue').then(() => sent.end(JSON.stringify(body)));
  const status = once(sent, 'response').then(([response]) => response.resume().statusCode);
  sent.flushHeaders();
  return { begun, status };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `${signal}: what is under way is answered first, over HTTP and gRPC`,
    async () => {
      const embedded = await startEmbeddedMongo({ dataDir: await tempDir() });
      const proxy = await startProxy({ path: embedded.socketPath });
      const service = await startService({
        SEED_FILE: SEED,
        MONGODB_URI: `mongodb://${proxy.address}/?directConnection=true`,
      });
      const url = await httpUrlOf(service);
      const [, target = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
      const publicKey = 'pk_live_00000000000000000000000000000005';
      await (await post(url, { publicKey })).text();

      // The database holds every answer back until the service has been told to stop.
      proxy.set('held');
      const opens = Array.from({ length: 20 }, () => openSlowly(url, { publicKey }));
      const client = new ChatSessionsClient(target, credentials.createInsecure());
      const wanted = { publicKey, customerId: '', customerToken: '', locale: '', variables: undefined };
      let tell: (outcome: string) => void = () => {};
      const called = new Promise<string>((resolve) => {
        tell = resolve;
      });
      client.openSession(wanted, (error) => tell(error ? error.message : 'OK'));
      // Of one connection, what came later is refused at once: so the server has begun with what came before it.
      const refused = new Promise((resolve) => client.openSession({ ...wanted, publicKey: 'x' }, resolve));
      await Promise.all([...opens.map((open) => open.begun), refused, proxy.holding()]);
      service.child.kill(signal);
      await service.printed(/Stopping\.\n$/);
      proxy.set('open');

      const statuses = await Promise.all(opens.map((open) => open.status));
      assert.equal(new Set(statuses), new Set([200]));
      assert.is(await called, 'OK');
      assert.is(await service.exited, 0);
      client.close();
      await proxy.close();
      await embedded.close();
    },
    { timeoutMs: 20_000 },
  );
}

test('it shows that it works behind a proxy of the company, too', async () => {
  const service = await startService({ http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' });
  await service.printed(/OpenSession\n\n$/);
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
});

test(
  'npm start: told to stop, the service stops too',
  async () => {
    const folder = await tempDir();
    const env = {
      ...process.env,
      MONGODB_URI: '',
      HTTP_ADDR: '127.0.0.1:0',
      GRPC_ADDR: '127.0.0.1:0',
      DATA_DIR: join(folder, 'data'),
    };
    const npm = spawn('npm', ['start'], { cwd: repoFile('.'), env, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    npm.stdout.on('data', (chunk) => {
      output += chunk;
      if (/OpenSession\n\n$/.test(output)) npm.kill('SIGTERM');
    });
    await once(npm.stdout, 'close');
    assert.match(output, /Stopping\.\n$/);
  },
  { timeoutMs: 30_000 },
);

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
    'several problems',
    { SESSION_TTL: 'x', LOG_LEVEL: 'loud' },
    /^chatsessions: SESSION_TTL [\s\S]*\nchatsessions: LOG_LEVEL /,
  ],
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

test('it writes nowhere but in its data folder', async () => {
  const service = await startService();
  await service.printed(/OpenSession\n\n$/);
  service.child.kill('SIGTERM');
  await service.exited;
  assert.equal(await readdir(service.cwd), ['data']);
});

const COMMANDS: readonly (readonly [readonly string[], number, RegExp])[] = [
  [
    ['--help'],
    0,
    /engine-token +make a token .*\n.* engine-token --hash [\s\S]*MONGODB_URI +MongoDB to store in/,
  ],
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['nonsense'], 2, /nonsense is not a command/],
  [['serve', 'twice'], 2, /serve twice is not a command/],
];
for (const [args, code, output] of COMMANDS) {
  test(`chatsessions ${args.join(' ')}`, async () => {
    const service = await startService({}, args);
    assert.is(await service.exited, code);
    assert.match(service.stdout() + service.stderr(), output);
  });
}

test(
  'kill -9 in the middle of 2,000 opens: every acknowledged conversation is there',
  async () => {
    const dataDir = await tempDir();
    const env = { DATA_DIR: dataDir, SEED_FILE: SEED };
    const publicKey = 'pk_live_00000000000000000000000000000005';
    const first = await startService(env);
    const url = await httpUrlOf(first);

    const acknowledged: { key: string; id: string; token: string }[] = [];
    let sent = 0;
    const opener = async () => {
      while (sent < 2_000) {
        sent++;
        if (sent === 1_000) first.child.kill('SIGKILL');
        const key = randomUUID();
        try {
          const answer = await post(url, { publicKey }, { 'idempotency-key': key });
          const session = (await answer.json()) as { conversationId: string; sessionToken: string };
          acknowledged.push({ key, id: session.conversationId, token: session.sessionToken });
        } catch {
          // The process is gone: this open was not acknowledged.
        }
      }
    };
    await Promise.all(Array.from({ length: 64 }, opener));
    assert.is(await first.exited, 'SIGKILL');
    assert.ok(
      acknowledged.length > 500 && acknowledged.length < 1_000,
      `${acknowledged.length} acknowledged`,
    );

    // A replay of an open whose row is there answers the very same token; of one that is lost, another.
    const second = await startService(env);
    const again = await httpUrlOf(second);
    for (const { key, id, token } of acknowledged) {
      const answer = await post(again, { publicKey }, { 'idempotency-key': key });
      const session = (await answer.json()) as { conversationId: string; sessionToken: string };
      assert.is(session.conversationId, id);
      assert.is(session.sessionToken, token);
    }
    second.child.kill('SIGTERM');
    assert.is(await second.exited, 0);
  },
  { timeoutMs: 60_000 },
);
