import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createKeyedQueue } from '../../src/conversations/keyed-queue.js';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { anyOperation, checkHistory, openedRow, perform } from '../conversations/operations.js';
import { contractSuite } from './server.js';

const test = await contractSuite('interleavings', { recordsStores: true });

const MAX_CALL_MS = 60_000;

/** How many calls, by how many processes, of which how many of a hundred end the conversation. */
const ROUNDS: readonly (readonly [name: string, calls: number, processes: number, ends: number])[] = [
  ['200 at the same time, of one process', 200, 1, 0],
  ['200 at the same time, of four processes', 200, 4, 0],
  ['200 at the same time, of four processes, some of which end it', 200, 4, 5],
  ['24 at the same time, each of a process of its own', 24, 24, 0],
];
for (const [name, calls, processes, ends] of ROUNDS) {
  test(
    `refreshes and updates of one conversation: ${name}`,
    async ({ db, uri }) => {
      const database = await openDatabase(uri, db.databaseName);
      try {
        // A process has a store with groups of its own, and turns of its own.
        const fleet = Array.from({ length: processes }, () => ({
          store: mongoConversations(database, Date.now),
          inTurn: createKeyedQueue(),
        }));
        const opened = openedRow();
        await mongoConversations(database, Date.now).insert(opened);
        const anyCalls = fc.array(anyOperation(ends), { minLength: calls, maxLength: calls, size: 'max' });
        const [operations = []] = fc.sample(anyCalls, { numRuns: 1 });
        const start = Date.now();
        const results = await Promise.all(
          operations.map((operation, n) => {
            const process = fleet[n % processes];
            if (!process) throw new Error('no process');
            return perform(operation, opened, process.store, MAX_CALL_MS, process.inTurn);
          }),
        );
        const ms = Date.now() - start;
        const [end] = await mongoConversations(database, Date.now).findAll([opened.id]);
        checkHistory(opened, end, results);
        const done = results.filter(({ code }) => code === 'ok').length;
        process.stdout.write(`${done} of ${calls} done, in ${ms} ms\n`);
        assert.is(end?.endedAt !== undefined, ends > 0);
        assert.ok(done > 0);
      } finally {
        await database.close();
      }
    },
    { timeoutMs: 90_000 },
  );
}
