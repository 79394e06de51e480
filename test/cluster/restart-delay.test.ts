import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { restartDelayMs } from '../../src/app/workers/workers.js';

const test = suite('workers: restart delay');

const DELAYS: readonly (readonly [strikes: number, ms: number])[] = [
  [0, 0],
  [1, 0],
  [4, 0],
  [5, 100],
  [6, 200],
  [10, 3_200],
  [11, 5_000],
  [2_000, 5_000],
];
for (const [strikes, ms] of DELAYS) {
  test(`${strikes} deaths in a row: the next one starts after ${ms} ms`, () => {
    assert.is(restartDelayMs(strikes), ms);
  });
}
