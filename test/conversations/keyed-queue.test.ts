import { setImmediate as turn } from 'node:timers/promises';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { endForGood } from '../../src/conversations/change-conversation.js';
import type { Conversation } from '../../src/conversations/conversation.js';
import { createKeyedQueue } from '../../src/conversations/keyed-queue.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { checkHistory, type Operation, openedRow, perform } from './operations.js';

const test = suite('turns');

test('work of one name goes one after the other, in its order; of another name beside it', async () => {
  const queue = createKeyedQueue();
  const log: string[] = [];
  const work = (name: string, n: number) =>
    queue(name, async () => {
      log.push(`${name}${n} begins`);
      await turn();
      log.push(`${name}${n} ends`);
      return n;
    });
  const answers = await Promise.all([work('a', 1), work('a', 2), work('b', 3), work('a', 4)]);
  assert.equal(answers, [1, 2, 3, 4]);
  const ofA = log.filter((line) => line.startsWith('a'));
  assert.equal(ofA, ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends', 'a4 begins', 'a4 ends']);
  assert.ok(log.indexOf('b3 begins') < log.indexOf('a1 ends'));
});

test('what fails fails alone, and the next goes on', async () => {
  const queue = createKeyedQueue();
  const error = new Error('mine');
  const [first, second] = await Promise.allSettled([
    queue('a', () => Promise.reject(error)),
    queue('a', async () => 'fine'),
  ]);
  assert.equal(first, { status: 'rejected', reason: error });
  assert.equal(second, { status: 'fulfilled', value: 'fine' });
});

test('work without company begins at once', () => {
  const queue = createKeyedQueue();
  let begun = false;
  const done = queue('a', async () => {
    begun = true;
  });
  assert.ok(begun);
  return done;
});

/** A store that answers in the next turn of the event loop, and counts what it is asked. */
function countingStore(opened: Conversation) {
  let row = opened;
  const counts = { find: 0, replace: 0 };
  return {
    counts,
    row: () => row,
    async find() {
      counts.find++;
      await turn();
      return row;
    },
    async replace(next: Conversation, expectedRevision: number) {
      counts.replace++;
      await turn();
      const isDone = row.revision === expectedRevision;
      if (isDone) row = next;
      return isDone;
    },
  };
}

const WAYS: readonly (readonly [
  name: string,
  queue: ReturnType<typeof createKeyedQueue> | undefined,
  asked: number,
])[] = [
  ['in turn: one read and one write each', createKeyedQueue(), 50],
  ['all at once: as many as there are pairs', undefined, (50 * 51) / 2],
];
for (const [name, queue, asked] of WAYS) {
  test(`50 refreshes of one conversation, ${name}`, async () => {
    const opened = openedRow();
    const store = countingStore(opened);
    const refresh = (n: number): Operation => ({
      kind: 'refresh',
      set: { k1: `x${n}` },
      remove: [],
      skew: 0,
    });
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => perform(refresh(n), opened, store, 5_000, queue)),
    );
    checkHistory(opened, store.row(), results);
    assert.equal(store.counts, { find: asked, replace: asked });
  });
}

test('an end waits for nobody: not for all the refreshes that came before it', async () => {
  const opened = openedRow();
  const store = countingStore(opened);
  const queue = createKeyedQueue();
  const refresh: Operation = { kind: 'refresh', set: { k1: 'x' }, remove: [], skew: 0 };
  const refreshes = Array.from({ length: 50 }, () => perform(refresh, opened, store, 5_000, queue));
  const deps = { conversations: store, date: () => 0, retentionSeconds: 1 };
  await endForGood(deps, opened.id, new CallController().signal, (found) => found ?? opened);
  assert.ok(store.row().endedAt !== undefined);
  assert.ok(store.row().revision < 50, `it came after ${store.row().revision - 2} refreshes`);
  await Promise.allSettled(refreshes);
});
