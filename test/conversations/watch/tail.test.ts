import { setImmediate as turn } from 'node:timers/promises';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTail } from '../../../src/conversations/watch/tail.js';
import { createDates } from '../../../src/time/dates.js';

const test = suite('watch tail');

/** A tail whose looks at the store are answered when the test says so. */
function rig() {
  const looks: (() => void)[] = [];
  const tail = startTail(
    {
      conversations: {
        changedSince: () => new Promise((resolve) => looks.push(() => resolve([]))),
        findChanged: async () => [],
      },
      dates: createDates(
        () => 1_000_000,
        () => 0,
      ),
      elapsed: () => 0,
      pause: (ms, signal) =>
        ms < 100
          ? Promise.resolve()
          : new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
      pace: async () => async () => {},
    },
    'tenant',
    () => 'token',
    () => {},
  );
  return { tail, looks };
}

const { signal } = new AbortController();

test('who joins while a pass is under way gets its place after the next one: that one has seen what was there', async () => {
  const { tail, looks } = rig();
  const seats: string[] = [];
  void tail.join(undefined, signal).then(() => seats.push('first'));
  await turn();
  void tail.join(5, signal).then(() => seats.push('second'));
  looks[0]?.();
  await turn();
  assert.equal([seats, looks.length], [['first'], 2]);
  looks[1]?.();
  await turn();
  assert.equal(seats, ['first', 'second']);
  tail.stop();
});

test('who leaves while it waits gets none', async () => {
  const { tail } = rig();
  const gone = new AbortController();
  const joined = tail.join(undefined, gone.signal);
  gone.abort();
  assert.is(await joined, undefined);
  tail.stop();
});
