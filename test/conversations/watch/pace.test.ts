import { setTimeout as sleep } from 'node:timers/promises';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createPace, type Pace, paced } from '../../../src/conversations/watch/pace.js';

const test = suite('watch pace');

const { signal } = new AbortController();

/** A pace of a process whose load, CPU time and clock the test sets: a busy machine changes nothing. */
function rig(load: number) {
  const process = { load, cpu: 0, now: 0 };
  const pace = createPace({
    elapsed: () => process.now,
    startLoad: () => () => process.load,
    cpuMs: () => process.cpu,
  });
  const work = (ms: number) => async () => {
    process.now += ms;
  };
  return { process, pace, work };
}

/** Starts a piece of work. @returns it, and whether it has been done */
function start(pace: Pace) {
  let isDone = false;
  const piece = paced(pace, signal, async () => {
    isDone = true;
  });
  return { piece, isDone: () => isDone };
}
/** Many times what a rest takes between two looks at the load, in ms. */
const SEVERAL_LOOKS_MS = 100;

test('a process with nothing else to do is never rested for long', async () => {
  const { pace, work } = rig(0.1);
  for (let n = 0; n < 20; n++) await paced(pace, signal, work(5));
});

test('when the process is busy, a piece waits until it has had a multiple of the CPU time of the one before', async () => {
  const { pace, process, work } = rig(0.9);
  await paced(pace, signal, work(60));
  const next = start(pace);
  process.cpu += 700;
  await sleep(SEVERAL_LOOKS_MS);
  assert.not.ok(next.isDone(), 'it has not waited');
  process.cpu += 20;
  await next.piece;
});

test('the longest rest is 5 s', async () => {
  const { pace, process, work } = rig(0.9);
  await paced(pace, signal, work(60));
  const next = start(pace);
  process.now += 4_999;
  await sleep(SEVERAL_LOOKS_MS);
  assert.not.ok(next.isDone(), 'it has not waited');
  process.now += 1;
  await next.piece;
});

test('a piece counts as what it can have cost at most, however long it took', async () => {
  const { pace, process, work } = rig(0.9);
  await paced(pace, signal, work(100));
  process.cpu += 2_000;
  await paced(pace, signal, work(100), () => 1);
  process.cpu += 12;
  await start(pace).piece;
});

test('the rest is over when the process is not busy any more', async () => {
  const { pace, process, work } = rig(0.9);
  await paced(pace, signal, work(60));
  process.load = 0.1;
  await start(pace).piece;
});

test('a look at the load that comes late counts as busy', async () => {
  const { pace, process, work } = rig(0.1);
  await paced(pace, signal, work(60));
  const next = start(pace);
  const late = setInterval(() => {
    process.now += 30;
  }, 1);
  await sleep(SEVERAL_LOOKS_MS);
  assert.not.ok(next.isDone(), 'it has not waited');
  clearInterval(late);
  await next.piece;
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

test('a caller that is gone waits no longer, and its work is not done', async () => {
  const { pace, work } = rig(0.9);
  await paced(pace, signal, work(60));
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
