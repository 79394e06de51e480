import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';

const test = suite('workers: start', { fileTimeoutMs: 300_000 });
/** Several processes start, one after the other. */
const options = { timeoutMs: 60_000 };

async function stop(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
}

test(
  'the demonstration and the key that is printed work with workers too',
  async () => {
    const service = await startService({ WORKERS: '2' });
    await service.printed(/OpenSession\n\n$/);
    assert.is(service.stdout().match(/"sessionToken": "[\w.-]{57}…"/g)?.length, 2, service.stdout());
    await stop(service);
    assert.is(service.stderr(), '');
  },
  options,
);

/** Where Linux lists the children of a process. */
const childrenFile = (pid = process.pid) => `/proc/${pid}/task/${pid}/children`;
const ONE_PROCESS = 'without WORKERS there is one process, with two of them there are three';
if (existsSync(childrenFile())) {
  test(
    ONE_PROCESS,
    async () => {
      for (const [env, count] of [
        [{}, 0],
        [{ WORKERS: '2' }, 2],
      ] as const) {
        const service = await startService(env);
        await httpUrlOf(service);
        const children = await readFile(childrenFile(service.child.pid), 'utf8');
        assert.is(children.split(' ').filter(Boolean).length, count);
        await stop(service);
      }
    },
    options,
  );
} else {
  test.skip(ONE_PROCESS, `no ${childrenFile()} here`);
}

for (const name of ['HTTP_ADDR', 'GRPC_ADDR']) {
  test(
    `${name} is taken: one clear line`,
    async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const service = await startService({ WORKERS: '3', [name]: `127.0.0.1:${port}` });
      assert.is(await service.exited, 1);
      assert.is(
        service.stderr(),
        `chatsessions: ${name} 127.0.0.1:${port} cannot be listened on: another program has it already\n`,
      );
      assert.is(service.stdout(), '');
      server.close();
    },
    options,
  );
}

test(
  'a file that a worker cannot use: one clear line',
  async () => {
    const file = join(await tempDir(), 'cert.pem');
    await writeFile(file, 'not a certificate');
    const service = await startService({ WORKERS: '2', GRPC_TLS_CERT: file, GRPC_TLS_KEY: file });
    assert.is(await service.exited, 1);
    assert.match(service.stderr(), /^chatsessions: GRPC_TLS_CERT \S+cert\.pem cannot be used: .*\n$/);
  },
  options,
);

test(
  'a worker that ends without a word while the service starts: one clear line, and no second try',
  async () => {
    const preload = join(await tempDir(), 'preload.mjs');
    await writeFile(preload, `import cluster from 'node:cluster'; if (cluster.isWorker) process.exit(7);`);
    const service = await startService({ WORKERS: '2', NODE_OPTIONS: `--import=${preload}` });
    assert.is(await service.exited, 1);
    assert.is(service.stderr(), 'chatsessions: WORKERS: one of them ended before it listened (7)\n');
  },
  options,
);

test('run as a worker of another program: one clear line', async () => {
  const embedded = await startEmbeddedMongo({ dataDir: await tempDir() });
  const service = await startService({ WORKERS: '2', NODE_UNIQUE_ID: '1', MONGODB_URI: embedded.uri });
  assert.is(await service.exited, 1);
  assert.match(service.stderr(), /^chatsessions: WORKERS cannot be used in a worker of node:cluster\n$/);
  await embedded.close();
});
