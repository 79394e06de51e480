import * as assert from 'uvu/assert';
import { suite } from '../harness/suite.js';
import { until } from '../harness/until.js';
import { type Cluster, START_MS, startCluster, storedConversations } from './cluster.js';
import { type Open, startLoad } from './load.js';

const test = suite('workers: kill -9', { fileTimeoutMs: 180_000 });

const CLIENTS = { kept: 6, new: 6, gRPC: 6 };

/** The worker that most of the kept connections are to. */
function busiest({ logged }: Cluster, opens: readonly Open[]): number {
  const kept = new Set(opens.flatMap(({ way, requestId }) => (way === 'kept' ? [requestId] : [])));
  const counts = new Map<number, number>();
  for (const { worker, requestId } of logged()) {
    if (worker !== undefined && kept.has(requestId ?? '')) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  if (!first) throw new Error('no worker has answered');
  return first[0];
}

/** Waits until each client has been answered so often from now on. */
async function answered(opens: readonly Open[], times: number): Promise<void> {
  const clients = Object.values(CLIENTS).reduce((sum, count) => sum + count);
  const from = opens.length;
  const areAll = async () => {
    const counts = new Map<string, number>();
    for (const { client, error } of opens.slice(from)) {
      if (error === undefined) counts.set(client, (counts.get(client) ?? 0) + 1);
    }
    return counts.size === clients && [...counts.values()].every((count) => count >= times);
  };
  await until(`every client is answered ${times} times`, areAll, START_MS);
}

test(
  'only what was under way at the worker fails; all else is answered, and all that is answered is stored',
  async () => {
    const cluster = await startCluster({ WORKERS: '3' });
    await cluster.workers(3);
    const load = startLoad(cluster, CLIENTS);
    for (let round = 0; round < 3; round++) {
      await answered(load.opens, 5);
      const victim = busiest(cluster, load.opens.slice(-500));
      process.kill(victim, 'SIGKILL');
      const killedAt = performance.now();
      await answered(load.opens, 5);
      await cluster.replaced(round + 1);
      check(cluster, load.opens.slice(), victim, killedAt);
    }
    const opens = await load.stop();

    const failed = opens.filter(({ error }) => error !== undefined);
    for (const { requestId, error } of failed) assert.ok(checked.has(requestId), `${requestId}: ${error}`);
    console.log(`${opens.length} opens, ${failed.length} failed with three workers killed`);
    const stored = await storedConversations(cluster.dataDir);
    for (const { conversationId } of opens)
      assert.ok(conversationId === undefined || stored.has(conversationId));
    const deaths = cluster.logged().filter(({ msg }) => msg === 'a worker died');
    assert.equal(
      deaths.map(({ signal, delayMs }) => [signal, delayMs]),
      Array(3).fill(['SIGKILL', 0]),
    );

    cluster.service.child.kill('SIGTERM');
    assert.is(await cluster.service.exited, 0);
  },
  { timeoutMs: 90_000 },
);

/** The request ids of the opens that failed, and were to fail. */
const checked = new Set<string>();

/** Holds each open that failed since the last time against the worker that was killed. */
function check({ answeredBy }: Cluster, opens: readonly Open[], victim: number, killedAt: number): void {
  for (const [index, { way, client, requestId, began, error }] of opens.entries()) {
    if (error === undefined || checked.has(requestId)) continue;
    checked.add(requestId);
    const context = `${requestId} ${began - killedAt} ms after the kill: ${error}`;
    assert.not.match(error, /timed out|DEADLINE/, context);
    // The dead worker may have answered what did not get through any more.
    assert.ok([undefined, victim].includes(answeredBy(requestId)), context);
    if (way === 'new') {
      assert.ok(began < killedAt, context);
    } else {
      // Its last lines may have died with it.
      const known = opens.slice(0, index).map((open) => open.client === client && answeredBy(open.requestId));
      assert.is(known.findLast(Number), victim, context);
    }
  }
}
