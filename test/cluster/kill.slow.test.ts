import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { START_MS, startCluster, storedConversations } from './cluster.js';
import { busiest, createFailures } from './failures.js';
import { type Open, startLoad } from './load.js';

const test = suite('workers: kill -9', { fileTimeoutMs: 180_000 });

const CLIENTS = { kept: 6, new: 6, gRPC: 6 };

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
    const failures = createFailures(cluster);
    for (let round = 0; round < 3; round++) {
      await answered(load.opens, 5);
      const victim = busiest(cluster, load.opens.slice(-500));
      process.kill(victim, 'SIGKILL');
      const killedAt = performance.now();
      await answered(load.opens, 5);
      await cluster.replaced(round + 1);
      failures.check(load.opens.slice(), victim, killedAt);
    }
    const opens = await load.stop();

    const failed = opens.filter(({ error }) => error !== undefined);
    for (const { requestId, error } of failed)
      assert.ok(failures.checked.has(requestId), `${requestId}: ${error}`);
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
