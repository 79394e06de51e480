import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { spread } from '../src/figures/statistics.js';
import { percentile, toLoadResult } from '../src/load/load.js';

const test = suite('bench: statistics');

const SPREADS: readonly (readonly [numbers: number[], median: number, min: number, max: number])[] = [
  [[3], 3, 3, 3],
  [[3, 1], 2, 1, 3],
  [[30, 4, 5], 5, 4, 30],
  [[9, 10, 1, 2], 5.5, 1, 10],
  [[], Number.NaN, Number.NaN, Number.NaN],
];
for (const [numbers, median, min, max] of SPREADS) {
  test(`spread of [${numbers}]`, () => {
    const before = [...numbers];
    assert.equal(spread(numbers), { median, min, max });
    assert.equal(numbers, before);
  });
}

const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
const PERCENTILES: readonly (readonly [sorted: number[], percent: number, expected: number])[] = [
  [hundred, 50, 50],
  [hundred, 99, 99],
  [hundred, 100, 100],
  [hundred, 0, 1],
  [[7], 99, 7],
  [[1, 2, 3], 50, 2],
  [[1, 2, 3], 99, 3],
  [[], 50, 0],
];
for (const [sorted, percent, expected] of PERCENTILES) {
  test(`percentile ${percent} of ${sorted.length} numbers`, () => {
    assert.is(percentile(sorted, percent), expected);
  });
}

test('a load result: expected answers make the rate, all of them the latencies', () => {
  const latencies = [10, 9, 2];
  assert.equal(toLoadResult({ answers: 2, unexpected: 1, latencies, ms: 500 }), {
    ...{ rate: 4, answers: 2, unexpected: 1 },
    ...{ p50: 9, p99: 10, max: 10 },
  });
});

test('a load result of nothing', () => {
  assert.equal(toLoadResult({ answers: 0, unexpected: 3, latencies: [], ms: 0 }), {
    ...{ rate: 0, answers: 0, unexpected: 3 },
    ...{ p50: 0, p99: 0, max: 0 },
  });
});
