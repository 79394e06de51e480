import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { isRunning, openOnce, START_MS, startCluster, storedConversations } from './cluster.js';
import { type Load, type Open, startLoad } from './load.js';

const test = suite('workers: stop', { fileTimeoutMs: 180_000 });
const timeoutMs = 60_000;

const CLIENTS = { kept: 4, new: 4, gRPC: 4 };

/** Waits for so many more opens. */
function more(load: Load, count: number): Promise<void> {
  const end = load.opens.length + count;
  return until(`${count} more opens`, async () => load.opens.length >= end, START_MS);
}

/** Holds what is stored against what was acknowledged: nothing is lost, and nothing is there that nobody knows of. */
function assertStored(stored: ReadonlySet<string>, opens: readonly Open[]): void {
  const known = opens.flatMap(({ conversationId }) => conversationId ?? []);
  assert.equal([...stored].sort(), known.sort());
}

const allGone = (pids: readonly number[]) =>
  until('all processes are gone', async () => !pids.some((pid) => isRunning(pid)));

test(
  'SIGTERM under load: every open that the service took is answered',
  async () => {
    const cluster = await startCluster({ WORKERS: '3' });
    const load = startLoad(cluster, CLIENTS);
    await more(load, 200);
    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
    const opens = await load.stop();
    const answered = cluster.logged().filter(({ code }) => code === 'ok');
    const failed = new Set(opens.flatMap(({ requestId, error }) => (error === undefined ? [] : [requestId])));
    assert.equal(
      answered.filter(({ requestId }) => failed.has(requestId ?? '')),
      [],
    );
    assert.ok(answered.length > 100);

    const again = await startCluster({ WORKERS: '2', DATA_DIR: cluster.dataDir });
    assertStored(await storedConversations(cluster.dataDir), opens);
    again.service.child.kill('SIGTERM');
    assert.is(await again.service.exited, 0);
  },
  { timeoutMs },
);

test(
  'SIGTERM to one worker under load: it stops gracefully, and another takes its place',
  async () => {
    const cluster = await startCluster({ WORKERS: '2' });
    const [first = 0, other = 0] = await cluster.workers(2);
    const before = await storedConversations(cluster.dataDir);
    const load = startLoad(cluster, CLIENTS);
    await more(load, 200);
    process.kill(first, 'SIGTERM');
    await cluster.replaced(1);
    await more(load, 200);
    const opens = await load.stop();

    // A connection that is kept may be closed at the moment when its client sends another request on it.
    for (const { way, requestId, error } of opens) {
      if (error === undefined) continue;
      assert.is(`${way} ${cluster.answeredBy(requestId)}`, 'kept undefined', error);
      assert.match(error, /ECONNRESET|EPIPE|socket hang up/);
    }
    assertStored(
      new Set([...(await storedConversations(cluster.dataDir))].filter((id) => !before.has(id))),
      opens,
    );
    const [ending] = cluster
      .logged()
      .filter(({ worker, msg }) => worker === first && msg === 'a worker ended');
    assert.is(ending?.code, 0);
    const now = await cluster.workers(2);
    assert.ok(now.includes(other) && !now.includes(first));
    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
  },
  { timeoutMs },
);

test(
  'SIGINT, which reaches the workers of a terminal too, is the primary’s to handle',
  async () => {
    const cluster = await startCluster({ WORKERS: '2' });
    const workers = await cluster.workers(2);
    for (const pid of workers) process.kill(pid, 'SIGINT');
    assert.equal([...(await cluster.workers(2))].sort(), [...workers].sort());
    for (const pid of workers) process.kill(pid, 'SIGINT');
    cluster.service.child.kill('SIGINT');
    assert.is(await cluster.service.exited, 0);
    await allGone(workers);
    assert.is(cluster.service.stdout().match(/Stopping\./g)?.length, 1);
  },
  { timeoutMs },
);

test(
  'the primary is killed: its workers end, and a restart has the ports and the data folder at once',
  async () => {
    const first = await startCluster({ WORKERS: '2' });
    const workers = await first.workers(2);
    first.service.child.kill('SIGKILL');
    assert.is(await first.service.exited, 'SIGKILL');
    await allGone(workers);

    const addresses = { HTTP_ADDR: new URL(first.httpUrl).host, GRPC_ADDR: first.grpcTarget };
    const second = await startCluster({ WORKERS: '2', DATA_DIR: first.dataDir, ...addresses });
    assert.is(second.httpUrl, first.httpUrl);
    await openOnce(second.httpUrl, 'after-restart');
    second.service.child.kill('SIGTERM');
    assert.is(await second.service.exited, 0);
  },
  { timeoutMs },
);

test(
  'the embedded server ends by itself: all processes end, and the exit code says so',
  async () => {
    const folder = await tempDir();
    const [preload, flag] = [join(folder, 'preload.mjs'), join(folder, 'flag')];
    // The embedded server is the one thread that the service starts.
    await writeFile(
      preload,
      `import { existsSync } from 'node:fs'; import { isMainThread } from 'node:worker_threads';
       if (!isMainThread) setInterval(() => existsSync(${JSON.stringify(flag)}) && process.exit(9), 50);`,
    );
    const cluster = await startCluster({ WORKERS: '2', NODE_OPTIONS: `--import=${preload}` });
    const workers = await cluster.workers(2);
    await writeFile(flag, '');
    assert.is(await cluster.service.exited, 1);
    assert.ok(cluster.logged().some(({ msg }) => msg === 'cannot go on'));
    await allGone(workers);
  },
  { timeoutMs },
);

test(
  'a worker that does not end when it is told to is killed: the service ends all the same',
  async () => {
    const cluster = await startCluster({ WORKERS: '2' });
    const [hanging = 0, other = 0] = await cluster.workers(2);
    process.kill(hanging, 'SIGSTOP');
    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
    await allGone([hanging, other]);
    const lines = cluster.logged().filter(({ msg }) => msg === 'a worker did not end in time');
    assert.equal(
      lines.map(({ worker }) => worker),
      [hanging],
    );
  },
  { timeoutMs },
);
