import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Conversation } from '../../src/conversations/conversation.js';
import { anyOperation, checkHistory, type Operation, openedRow, perform } from './operations.js';

const test = suite('interleavings');

const MAX_CALL_MS = 5_000;

/** A store of one conversation, in memory: when it reads and writes, and when its answers come, is the scheduler's. */
function scheduledStore(opened: Conversation, scheduler: fc.Scheduler) {
  const current: { row: Conversation } = { row: opened };
  const soon = (what: string) => scheduler.schedule(Promise.resolve(), what);
  return {
    current,
    async find(id: string) {
      await soon('find');
      const found = current.row;
      await soon('found');
      return found.id === id ? found : undefined;
    },
    async replace(next: Conversation, expectedRevision: number) {
      await soon('replace');
      const isDone = current.row.revision === expectedRevision;
      if (isDone) current.row = next;
      await soon('replaced');
      return isDone;
    },
  };
}

async function interleave(scheduler: fc.Scheduler, operations: readonly Operation[]) {
  const opened = openedRow();
  const store = scheduledStore(opened, scheduler);
  const results = await scheduler.waitFor(
    Promise.all(operations.map((operation) => perform(operation, opened, store, MAX_CALL_MS))),
  );
  checkHistory(opened, store.current.row, results);
  return { results, end: store.current.row };
}

test(
  'refresh, update and end in any interleaving: limits hold, nothing is lost, an ended one stays as it is',
  async () => {
    const counts = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(anyOperation(10), { minLength: 2, maxLength: 8 }),
        async (scheduler, operations) => {
          const { results } = await interleave(scheduler, operations);
          for (const { operation, code } of results) {
            const what = `${operation.kind}: ${code}`;
            counts.set(what, (counts.get(what) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 700 },
    );
    process.stdout.write(`${[...counts].map(([what, n]) => `${what} ${n}`).join(', ')}\n`);
    // A property that never meets the cases it is about would hold of anything.
    for (const what of [
      'refresh: ok',
      'refresh: validation_failed',
      'refresh: invalid_session_token',
      'update: ok',
      'update: validation_failed',
      'update: conversation_ended',
      'end by token: ok',
      'end by id: ok',
    ]) {
      assert.ok((counts.get(what) ?? 0) >= 5, `${what} came ${counts.get(what) ?? 0} times`);
    }
  },
  { timeoutMs: 60_000 },
);

const operation = (
  kind: Operation['kind'],
  set: Operation['set'] = {},
  remove: string[] = [],
): Operation => ({
  kind,
  set,
  remove,
  skew: 0,
});

test('two refreshes at the same time both succeed, however they fall', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const both = [operation('refresh', { k1: 'one' }), operation('refresh', { k2: 'two' })];
      const { results, end } = await interleave(scheduler, both);
      assert.equal(
        results.map(({ code }) => code),
        ['ok', 'ok'],
      );
      assert.equal([end.revision, end.variables['k1'], end.variables['k2']], [3, 'one', 'two']);
    }),
  ));

test('two that each fit alone and not together: one is refused, and the row is the other’s', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const fill = (from: number) => Object.fromEntries([0, 1, 2].map((n) => [`more_${from + n}`, n]));
      const both = [operation('update', fill(0)), operation('refresh', fill(10))];
      const { results, end } = await interleave(scheduler, both);
      assert.is(results.filter(({ code }) => code === 'ok').length, 1);
      assert.is(Object.keys(end.variables).length, 48);
    }),
  ));

test('an end wins over whatever comes behind it, and two ends are one', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const all = [
        operation('end by token'),
        operation('refresh', { k1: 'late' }),
        operation('end by id'),
        operation('update', { k2: 'late' }, ['k3']),
      ];
      const { results, end } = await interleave(scheduler, all);
      assert.is(results.filter(({ written }) => written.some((row) => row.endedAt !== undefined)).length, 1);
      assert.is.not(end.endedAt, undefined);
    }),
  ));

test('a clock that is ahead is not gone behind by one that is not', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const ahead = { ...operation('refresh', { k1: 'ahead' }), skew: 30_000 };
      const behind = { ...operation('refresh', { k1: 'behind' }), skew: -30_000 };
      const { end } = await interleave(scheduler, [ahead, behind]);
      const [first, second] = end.changes;
      assert.ok((first?.at ?? 0) <= (second?.at ?? 0));
    }),
  ));
