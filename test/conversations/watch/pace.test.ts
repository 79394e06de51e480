import { setTimeout as sleep } from 'node:timers/promises';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createPace, paced } from '../../../src/conversations/watch/pace.js';

const test = suite('watch pace');

const { signal } = new AbortController();

/** A pace of a process that is busy or not, and whose CPU time the test moves on. */
function rig(load: number) {
  const process = { load, cpu: 0 };
  const pace = createPace({
    elapsed: () => performance.now(),
    startLoad: () => () => process.load,
    cpuMs: () => process.cpu,
  });
  return { process, pace };
}

test('a process with nothing else to do is never rested for long', async () => {
  const { pace } = rig(0.1);
  for (let n = 0; n < 20; n++) await paced(pace, signal, () => sleep(5));
});

test('when the process is busy, a piece waits until it has had a multiple of the CPU time of the one before', async () => {
  const { pace, process } = rig(0.9);
  await paced(pace, signal, () => sleep(60));
  let isDone = false;
  const next = paced(pace, signal, async () => {
    isDone = true;
  });
  await sleep(100);
  assert.not.ok(isDone, 'it has not waited');
  process.cpu += 2_000;
  await next;
});

test('a piece counts as what it can have cost at most, however long it took', async () => {
  const { pace, process } = rig(0.9);
  await paced(pace, signal, () => sleep(100));
  process.cpu += 2_000;
  await paced(
    pace,
    signal,
    () => sleep(100),
    () => 1,
  );
  process.cpu += 10;
  await paced(pace, signal, async () => {});
});

test('the rest is over when the process is not busy any more', async () => {
  const { pace, process } = rig(0.9);
  await paced(pace, signal, () => sleep(60));
  process.load = 0.1;
  await paced(pace, signal, async () => {});
});

test('eight pieces are under way at once, and no more', async () => {
  const { pace } = rig(0);
  let under = 0;
  let most = 0;
  const piece = () =>
    paced(pace, new AbortController().signal, async () => {
      most = Math.max(most, ++under);
      await sleep(2);
      under--;
    });
  await Promise.all(Array.from({ length: 40 }, piece));
  assert.is(most, 8);
});

test('whoever is gone waits no longer, and does nothing', async () => {
  const { pace } = rig(0.9);
  await paced(pace, signal, () => sleep(60));
  const gone = new AbortController();
  let isDone = false;
  const waiting = paced(pace, gone.signal, async () => {
    isDone = true;
  });
  gone.abort();
  assert.is(await waiting, undefined);
  assert.not.ok(isDone);
});

test('a piece that fails is over', async () => {
  const { pace } = rig(0);
  const fail = () => paced(pace, signal, () => Promise.reject(new Error('no')));
  for (let n = 0; n < 20; n++) assert.is(await fail().catch((error: Error) => error.message), 'no');
  let isDone = false;
  void paced(pace, signal, async () => {
    isDone = true;
  });
  await until('it is done', async () => isDone);
});
