import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { ENTRIES } from '../src/compare/contenders.js';
import { refusedId } from '../src/compare/refusal-cost.js';
import { REFUSED } from '../src/compare/refused.js';
import { databaseReport, formatReport } from '../src/compare/report.js';
import type { Round } from '../src/figures/rounds.js';
import { figure, formatTable } from '../src/figures/table.js';

const test = suite('bench: the report');

function round(more: Partial<Round>): Round {
  return { rate: 0, answers: 1, unexpected: 0, p50: 1, p99: 1, max: 1, cpuUs: 1, memoryMiB: 1, ...more };
}

/** A report of these contenders' rounds. */
function reportOf(
  rounds: Readonly<Record<string, readonly Partial<Round>[]>>,
  database: 'embedded' | 'MONGODB_URI',
) {
  const entries = ENTRIES.filter(({ id }) => Object.hasOwn(rounds, id));
  assert.equal(new Set(entries.map(({ id }) => id)), new Set(Object.keys(rounds)));
  return databaseReport(
    database,
    new Map(entries.map((entry) => [entry, (rounds[entry.id] ?? []).map(round)])),
  );
}

const RATES = {
  'public-path': [{ rate: 100 }, { rate: 300 }, { rate: 90 }],
  fastify: [{ rate: 50 }, { rate: 100 }, { rate: 30 }],
};

test('ratios are taken round by round', () => {
  const [ratio] = reportOf(RATES, 'embedded').ratios;
  assert.equal(ratio, {
    name: 'public path / Fastify',
    value: { median: 3, min: 2, max: 3 },
    bar: { is: 'at least', than: 2.5 },
    reached: true,
  });
});

test('a real server has bars of its own', () => {
  const [ratio] = reportOf(RATES, 'MONGODB_URI').ratios;
  assert.equal([ratio?.bar?.than, ratio?.reached], [4, false]);
});

/** Figures of two contenders, and the ratio that has to come of them. */
const BARS: readonly (readonly [
  name: string,
  above: readonly [id: string, figures: Partial<Round>],
  below: readonly [id: string, figures: Partial<Round>],
  median: number,
  reached: boolean | undefined,
])[] = [
  [
    'public path / static node:http',
    ['public-path', { rate: 59 }],
    ['static-http', { rate: 100 }],
    0.59,
    false,
  ],
  ['gRPC / static grpc-js', ['engine', { rate: 70 }], ['static-grpc', { rate: 100 }], 0.7, true],
  ['gRPC / grpc-js + insertOne', ['engine', { rate: 199 }], ['grpc-js', { rate: 100 }], 1.99, false],
  [
    'CPU of static grpc-js / gRPC',
    ['engine', { cpuUs: 200 }],
    ['static-grpc', { cpuUs: 100 }],
    0.5,
    undefined,
  ],
  ['public path, p99 / p50', ['public-path', { p99: 30, p50: 10 }], ['public-path', {}], 3, true],
  [
    'p99 at 1 connection / of one insertOne',
    ['public-path-1', { p99: 16 }],
    ['insert-one-1', { p99: 10 }],
    1.6,
    false,
  ],
];
for (const [name, [one, its], [other, others], median, reached] of BARS) {
  test(`${name}: ${median} is ${reached ? '' : 'not '}enough`, () => {
    const { ratios } = reportOf({ [other]: [others], [one]: [its] }, 'embedded');
    const ratio = ratios.find((candidate) => candidate.name === name);
    assert.equal([ratio?.value.median, ratio?.reached], [median, reached]);
  });
}

const bad = refusedId({ name: 'bad JSON' });
const wrongOrigin = refusedId({ name: 'wrong origin' });
const large = refusedId({ name: '64 KiB: a customer id' });
const huge = refusedId({ name: 'over 64 KiB' });

test('a refused request is held against one that is accepted, a large one against its JSON.parse', () => {
  const { refused, ratios } = reportOf(
    {
      'public-path': [{ rate: 100 }],
      [bad]: [{ rate: 300, cpuUs: 100 }],
      [wrongOrigin]: [{ rate: 140, cpuUs: 150 }],
      [large]: [{ rate: 50, cpuUs: 1e9 }],
      [huge]: [{ rate: 60, cpuUs: 100.001 }],
    },
    'embedded',
  );
  assert.equal(
    refused.map(({ id, byAccepted }) => [id, byAccepted.median]),
    [
      [bad, 3],
      [wrongOrigin, 1.4],
      [large, 0.5],
      [huge, 0.6],
    ],
  );
  const [first, , third] = refused;
  assert.is(first?.body, undefined);
  const { us, parseUs, byParse } = third?.body ?? {};
  assert.is(us?.median, 1e9 - 100);
  assert.ok(parseUs !== undefined && parseUs > 0 && byParse?.median === (1e9 - 100) / parseUs);
  assert.equal(
    ratios.slice(1).map(({ name, reached }) => [name, reached]),
    [
      ['refused up to 1 KiB / accepted (wrong origin)', false],
      ['larger body / its JSON.parse (64 KiB: a customer id)', false],
    ],
  );
});

test('what is not known is null in JSON, and a dash for the eye', () => {
  const report = reportOf(
    { 'insert-one': [{ rate: 1_234.5, cpuUs: Number.NaN, memoryMiB: Number.NaN }] },
    'embedded',
  );
  const json = JSON.parse(JSON.stringify(report));
  assert.equal(json.contenders[0].cpuUs, { median: null, min: null, max: null });
  assert.match(formatReport(report), /^ {2}insertOne +1,235 +\(1,235 – 1,235\) +– +1\.0 +1\.0 +–$/m);
});

test('answers that were not expected are pointed at', () => {
  const text = formatReport(reportOf({ engine: [{ rate: 1 }, { rate: 1, unexpected: 3 }] }, 'embedded'));
  assert.match(text, /ours: gRPC.* 3 unexpected!/);
});

test('a table is lined up', () => {
  assert.is(
    formatTable([
      ['name', 'n'],
      ['a', '1,000'],
      ['longer', ''],
    ]),
    'name        n\na       1,000\nlonger\n',
  );
});

for (const [value, digits, text] of [
  [1_234.56, 0, '1,235'],
  [0.126, 2, '0.13'],
  [Number.NaN, 0, '–'],
  [Number.POSITIVE_INFINITY, 0, '–'],
  [undefined, 0, '–'],
] as const) {
  test(`the figure ${value}`, () => assert.is(figure(value, digits), text));
}

test('the ids of contenders are different, also from those of groups', () => {
  const ids = ENTRIES.flatMap(({ id, group }) => [id, group]);
  assert.is(new Set(ids).size, ENTRIES.length + new Set(ENTRIES.map(({ group }) => group)).size);
});

test('large bodies are as large as they say', () => {
  for (const { name, request } of REFUSED) {
    const [, kib] = /(\d+) KiB/.exec(name) ?? [];
    if (kib === undefined) continue;
    const bytes = Buffer.byteLength(request.body);
    const isOver = name.startsWith('over');
    assert.ok(bytes > Number(kib) * 1_024 * (isOver ? 1 : 0.98), `${name}: ${bytes} bytes`);
    assert.is(bytes > 65_536, isOver, `${name}: ${bytes} bytes`);
  }
});
