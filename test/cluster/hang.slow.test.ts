import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { readStream } from '../harness/stream-reader.js';
import { openOnce, START_MS, startCluster } from './cluster.js';
import { busiest, createFailures } from './failures.js';
import { startWorkersHere, type WorkersHere } from './in-process.js';
import { engineStub, openOverGrpc, startLoad } from './load.js';

const test = suite('workers: hang', { fileTimeoutMs: 240_000 });
const timeoutMs = 60_000;

/** Long enough for a worker that gets little of a busy machine. */
const hungAfterMs = 2_000;

let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

/** Stands still with this process, the primary of its workers, for longer than a worker may. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1.5 * hungAfterMs);
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** What the primary wrote of workers that ended or were replaced. */
const told = ({ logged }: WorkersHere) => logged().flatMap(({ msg }) => (/^a worker/.test(msg) ? [msg] : []));

test(
  'a worker that stands still is killed and replaced: only what was under way at it fails',
  async () => {
    const workers = await startWorkersHere(service, { hungAfterMs });
    const load = startLoad(workers, { kept: 6, new: 4, gRPC: 4 });
    const failures = createFailures(workers);
    const more = (count: number) => {
      const end = load.opens.length + count;
      return until(`${count} more opens`, async () => load.opens.length >= end, START_MS);
    };
    await more(200);
    const victim = busiest(workers, load.opens);
    const [stub, watch] = await watchAtOther(workers, victim);

    process.kill(victim, 'SIGSTOP');
    const stoppedAt = performance.now();
    const isReplaced = async () => told(workers).includes('a worker took the place of another');
    await until('it is replaced', isReplaced, START_MS);
    await more(200);
    const opens = await load.stop();
    failures.check(opens, victim, stoppedAt);
    for (const { requestId, error } of opens)
      assert.ok(error === undefined || failures.checked.has(requestId), error);

    assert.equal(told(workers), [
      'a worker hangs: it is killed',
      'a worker died',
      'a worker took the place of another',
    ]);
    const [hangs, died] = workers.logged().filter(({ msg }) => /hangs|died/.test(msg));
    assert.equal([hangs?.worker, hangs?.silentMs], [victim, hungAfterMs]);
    assert.equal(
      [died?.worker, died?.signal, died?.reason],
      [victim, 'SIGKILL', 'its event loop stood still for 2 s'],
    );
    assert.not.ok(workers.pids().includes(victim));

    // The other's connections were not touched.
    const seen = watch.messages.length;
    await openOverGrpc(stub, 'after');
    await watch.came(seen + 1);
    watch.cancel();
    assert.is((await watch.ended).code, 'CANCELLED');
    stub.close();
    await workers.close();
  },
  { timeoutMs },
);

/** A watch of all conversations over a connection that is not to `victim`. */
async function watchAtOther({ grpcTarget, answeredBy }: WorkersHere, victim: number) {
  for (let n = 0; ; n++) {
    const stub = engineStub(grpcTarget);
    await openOverGrpc(stub, `watcher-${n}`);
    await until('its line is there', async () => answeredBy(`watcher-${n}`) !== undefined);
    if (answeredBy(`watcher-${n}`) !== victim) {
      const watch = readStream(stub.watchConversations({ tenant: 'acme', resumeToken: '' }));
      await watch.came(1);
      return [stub, watch] as const;
    }
    stub.close();
  }
}

test(
  'the primary stands still, alone or with its workers: none is killed',
  async () => {
    const workers = await startWorkersHere(service, { hungAfterMs });
    const before = workers.pids();
    standStill();
    await sleep(1.5 * hungAfterMs);
    assert.equal(told(workers), []);

    for (const pid of before) process.kill(pid, 'SIGSTOP');
    standStill();
    for (const pid of before) process.kill(pid, 'SIGCONT');
    await sleep(1.5 * hungAfterMs);
    assert.equal(told(workers), []);
    assert.equal(workers.pids(), before);
    await openOnce(workers.httpUrl, 'after');
    await workers.close();
  },
  { timeoutMs },
);

test(
  'a worker that is being debugged may stand still',
  async () => {
    const workers = await startWorkersHere(service, { hungAfterMs, execArgv: ['--inspect=127.0.0.1:0'] });
    await sleep(hungAfterMs / 2);
    const [pid = 0] = workers.pids();
    process.kill(pid, 'SIGSTOP');
    await sleep(1.5 * hungAfterMs);
    process.kill(pid, 'SIGCONT');
    assert.equal(told(workers), []);
    assert.ok(workers.pids().includes(pid));
    await workers.close();
  },
  { timeoutMs },
);

test(
  'the primary hangs: its workers take new connections all the same',
  async () => {
    const folder = await tempDir();
    const [preload, flag] = [join(folder, 'preload.mjs'), join(folder, 'flag')];
    await writeFile(
      preload,
      `import cluster from 'node:cluster'; import { existsSync } from 'node:fs';
       import { isMainThread } from 'node:worker_threads';
       const nap = new Int32Array(new SharedArrayBuffer(4));
       const hang = () => { while (existsSync(${JSON.stringify(flag)})) Atomics.wait(nap, 0, 0, 20); };
       if (cluster.isPrimary && isMainThread) setInterval(hang, 20).unref();`,
    );
    const running = await startCluster({ WORKERS: '2', NODE_OPTIONS: `--import=${preload}` });
    const before = await running.workers(2);
    await writeFile(flag, '');
    await sleep(500);
    for (let n = 0; n < 10; n++) {
      await openOnce(running.httpUrl, `http-${n}`);
      const stub = engineStub(running.grpcTarget);
      await openOverGrpc(stub, `grpc-${n}`);
      stub.close();
    }
    await rm(flag);
    assert.equal([...(await running.workers(2))].sort(), [...before].sort());
    running.service.child.kill('SIGTERM');
    assert.is(await running.service.exited, 0);
  },
  { timeoutMs },
);
