import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite, tempDir, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { openOnce, START_MS, startCluster } from './cluster.js';

const test = suite('workers: replacement', { fileTimeoutMs: 180_000 });
const timeoutMs = 60_000;

test(
  'workers that die at once are started less and less often, while the others go on, and come back in the end',
  async () => {
    const folder = await tempDir();
    const [preload, flag] = [join(folder, 'preload.mjs'), join(folder, 'flag')];
    await writeFile(
      preload,
      `import cluster from 'node:cluster'; import { existsSync } from 'node:fs';
       if (cluster.isWorker && existsSync(${JSON.stringify(flag)})) process.exit(7);`,
    );
    const cluster = await startCluster({ WORKERS: '2', NODE_OPTIONS: `--import=${preload}` });
    const [first = 0, other] = await cluster.workers(2);
    await writeFile(flag, '');
    process.kill(first, 'SIGKILL');
    const deaths = () => cluster.logged().filter(({ msg }) => msg === 'a worker died');
    const sevenDied = async () => {
      const requestId = randomUUID();
      await openOnce(cluster.httpUrl, requestId);
      await until('its line is there', async () => cluster.answeredBy(requestId) !== undefined);
      assert.is(cluster.answeredBy(requestId), other);
      return deaths().length >= 7;
    };
    await until('seven have died', sevenDied, START_MS);
    const [killed, ...others] = deaths();
    assert.is(killed?.signal, 'SIGKILL');
    assert.equal(new Set(others.map(({ code }) => code)), new Set([7]));
    const delays = others.map(({ delayMs = -1 }) => delayMs);
    assert.equal(
      delays,
      delays.toSorted((a, b) => a - b),
    );
    assert.ok((delays.at(-1) ?? 0) >= 100, `${delays}`);

    await rm(flag);
    await cluster.workers(2);
    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
  },
  { timeoutMs },
);

test(
  'all of them are killed at once: they come back on the same ports',
  async () => {
    // Ports that were just free: port 0 would be asked for anew.
    const before = await startCluster({ WORKERS: '2' });
    before.service.child.kill('SIGTERM');
    await before.service.exited;
    const addresses = { HTTP_ADDR: new URL(before.httpUrl).host, GRPC_ADDR: before.grpcTarget };
    const cluster = await startCluster({ WORKERS: '2', ...addresses });
    const workers = await cluster.workers(2);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await cluster.replaced(2);
    for (const pid of await cluster.workers(2)) assert.not.ok(workers.includes(pid));
    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
  },
  { timeoutMs },
);

test(
  'workers that cannot even be started leave nothing behind in the primary',
  async () => {
    // Without free descriptors no process can be; the limit is the shell's to set, and holds for all that follows.
    const script = join(await tempDir(), 'script.mjs');
    await writeFile(
      script,
      `import cluster from 'node:cluster'; import { openSync } from 'node:fs';
      import { runWorker } from ${JSON.stringify(new URL('../../src/app/workers/run-worker.js', import.meta.url))};
      try { for (;;) openSync('/dev/null'); } catch {}
      const { signal: stopping } = new AbortController();
      let reason;
      for (let n = 0; n < 20; n++) ({ reason } = await runWorker({ settings: {}, stopping, hungAfterMs: 1_000 }));
      console.log(reason, Object.keys(cluster.workers).length);`,
    );
    const shell = `ulimit -n 64; exec "$0" "$1"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, script]);
    assert.match(stdout, /^spawn \S+ EMFILE 0\n$/);
  },
  { timeoutMs },
);
