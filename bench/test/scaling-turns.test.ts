import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { pointTable } from '../src/scaling/point-table.js';
import { inTurns, type Metrics, type Point, pointsOf } from '../src/scaling/turns.js';

const test = suite('bench: points of a curve, in turns');

test('medians and spread of each metric, and the rate as a share of the first in the same round', () => {
  const rounds = [
    new Map<number, Metrics>([
      [1, { rate: 100, p99: 1 }],
      [2, { rate: 50, p99: 4 }],
    ]),
    new Map<number, Metrics>([
      [1, { rate: 200, p99: 3 }],
      [2, { rate: 120, p99: 5 }],
    ]),
    new Map<number, Metrics>([
      [1, { rate: 120, p99: 2 }],
      [2, { rate: 60, p99: 6 }],
    ]),
  ];
  assert.equal(pointsOf([1, 2], rounds), [
    {
      x: 1,
      metrics: {
        rate: { median: 120, min: 100, max: 200 },
        p99: { median: 2, min: 1, max: 3 },
        rateToFirst: { median: 1, min: 1, max: 1 },
      },
    },
    {
      x: 2,
      metrics: {
        rate: { median: 60, min: 50, max: 120 },
        p99: { median: 5, min: 4, max: 6 },
        rateToFirst: { median: 0.5, min: 0.5, max: 0.6 },
      },
    },
  ]);
});

test('what could not be measured is left out: a metric, a round, a point', () => {
  const rounds = [
    new Map<number, Metrics>([[1, { rate: 10, memory: Number.NaN }]]),
    new Map<number, Metrics>([[2, { rate: 30 }]]),
  ];
  const points = pointsOf([1, 2, 3], rounds);
  assert.equal(
    points.map(({ x, metrics }) => [x, Object.keys(metrics)]),
    [
      [1, ['rate', 'rateToFirst']],
      [2, ['rate']],
    ],
  );
});

test('the rate of a single point is no share of anything', () => {
  const [point] = pointsOf([5], [new Map([[5, { rate: 10 }]])]);
  assert.equal(Object.keys(point?.metrics ?? {}), ['rate']);
});

test('points take turns, there and back; the warm-up does not count', async () => {
  const order: string[] = [];
  const kept: (readonly Point[])[] = [];
  const points = await inTurns({
    xs: [1, 2],
    rounds: 2,
    async measure(x, round) {
      order.push(`${round}:${x}`);
      return { rate: round === 0 ? 1_000 : x * round };
    },
    onFailure: () => assert.unreachable(),
    onRound: async (soFar) => void kept.push(soFar),
  });
  assert.equal(order, ['0:1', '0:2', '1:2', '1:1', '2:1', '2:2']);
  assert.equal(
    points.map(({ metrics }) => metrics['rate']),
    [
      { median: 1.5, min: 1, max: 2 },
      { median: 3, min: 2, max: 4 },
    ],
  );
  assert.equal(kept.length, 2);
  assert.equal(kept.at(-1), points);
});

test('a measure that fails costs none of the others', async () => {
  const failures: string[] = [];
  const points = await inTurns({
    xs: [1, 2],
    rounds: 2,
    async measure(x, round) {
      if (x === 2 && round !== 2) throw new Error('broken');
      return { rate: 10 };
    },
    onFailure: (where, error) => failures.push(`${where}: ${error instanceof Error ? error.message : ''}`),
    onRound: async () => {},
  });
  assert.equal(failures, ['2, warm-up: broken', '2, round 1: broken']);
  assert.equal(
    points.map(({ x }) => x),
    [1, 2],
  );
});

test('a table has a line for each point and a column for each metric', () => {
  const table = pointTable([
    { x: 1_000, metrics: { rate: { median: 100, min: 90, max: 110 } } },
    { x: 2, metrics: { rate: { median: 5, min: 5, max: 5 }, cpu: { median: 7, min: 7, max: 7 } } },
  ]);
  assert.equal(
    table
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)),
    [
      ['rate', 'cpu'],
      ['1,000', '100 ±10%'],
      ['2', '5', '7'],
    ],
  );
});
