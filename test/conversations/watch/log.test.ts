import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createWatchLog } from '../../../src/conversations/watch/log.js';

const test = suite('watch log');

/** A log of numbers whose writer never waits, unless a test says otherwise. */
const newLog = (maxEntries = 4) => createWatchLog<number>(async () => {}, maxEntries);
const { signal } = new AbortController();

test('each reader gets what is added after it came, in order, at its own speed', async () => {
  const log = newLog();
  const quick = log.read();
  log.add(1, 1);
  const late = log.read();
  log.add(2, 1);
  assert.equal([await quick.next(signal), await quick.next(signal)], [1, 2]);
  assert.is(await late.next(signal), 2);
  assert.is(log.readers(), 2);
});

test('a reader waits for the next entry', async () => {
  const log = newLog();
  const reader = log.read();
  const next = reader.next(signal);
  log.add(7, 1);
  assert.is(await next, 7);
});

test('a reader that is further behind than what is kept has lost its place; the others have not', async () => {
  const log = newLog(4);
  const [slow, quick] = [log.read(), log.read()];
  for (let n = 1; n <= 5; n++) {
    log.add(n, 1);
    assert.is(await quick.next(signal), n);
  }
  assert.is(await slow.next(signal), 'behind');
});

test('few large entries are kept, but one always is', async () => {
  const log = newLog(100);
  const reader = log.read();
  log.add(1, 10_000_000);
  assert.is(await reader.next(signal), 1);
  log.add(2, 10_000_000);
  log.add(3, 10_000_000);
  assert.is(await reader.next(signal), 'behind');
});

test('the writer waits for a reader once, and then only if it has kept up again', async () => {
  const pauses: number[] = [];
  const log = createWatchLog<number>(async (ms) => void pauses.push(ms), 10);
  const reader = log.read();
  for (let n = 1; n <= 3; n++) {
    log.add(n, 1);
    await log.settled(signal);
  }
  assert.is(pauses.length, 1);
  for (let n = 1; n <= 3; n++) await reader.next(signal);
  const waits = reader.next(signal);
  log.add(4, 1);
  await waits;
  log.add(5, 1);
  await log.settled(signal);
  assert.is(pauses.length, 2);
});

test('the writer goes on as soon as all have taken what there is', async () => {
  const log = createWatchLog<number>(
    (_ms, until) => new Promise((resolve) => until.addEventListener('abort', () => resolve())),
    10,
  );
  const readers = [log.read(), log.read()];
  log.add(1, 1);
  const settled = log.settled(signal);
  for (const reader of readers) await reader.next(signal);
  await settled;
  for (const reader of readers) reader.close();
  log.add(2, 1);
  await log.settled(signal);
});

test('a reader that is gone gets nothing; a writer that failed fails its readers', async () => {
  const log = newLog();
  const gone = new AbortController();
  const left = log.read().next(gone.signal);
  gone.abort();
  assert.is(await left, undefined);
  const reader = log.read();
  log.add(1, 1);
  log.fail(new Error('no store'));
  assert.is(await reader.next(signal), 1);
  assert.is(await reader.next(signal).catch((error: Error) => error.message), 'no store');
});
