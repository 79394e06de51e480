import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../src/repo-file.js';

const axes = suite('drawing: axes');
const test = suite('drawing: pictures of figures');

// The scripts are plain JavaScript, so that they run without a build; no types come with them.
const { linearAxis, logAxis, tickLabel } = await import(pathToFileURL(repoFile('scripts/axis.js')).href);

for (const [max, ticks] of [
  [0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [1.1, [0, 0.25, 0.5, 0.75, 1, 1.25]],
  [7, [0, 2, 4, 6, 8]],
  [8_123, [0, 2_000, 4_000, 6_000, 8_000, 10_000]],
  [2_000_000, [0, 500_000, 1_000_000, 1_500_000, 2_000_000]],
  [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
] as const) {
  axes(`linear, up to ${max}`, () => assert.equal(linearAxis(max).ticks, ticks));
}

axes('linear: the places of values', () => {
  const { place } = linearAxis(8_123);
  assert.equal([0, 5_000, 10_000].map(place), [0, 0.5, 1]);
});

axes('logarithmic: powers around the values, evenly', () => {
  const { ticks, place } = logAxis([1, 64, 1_024], 4);
  assert.equal(ticks, [1, 4, 16, 64, 256, 1_024]);
  assert.equal(
    ticks.map(place).map((share: number) => share.toFixed(6)),
    ['0.000000', '0.200000', '0.400000', '0.600000', '0.800000', '1.000000'],
  );
});

axes('logarithmic: values below 1', () => {
  assert.equal(logAxis([0.3, 42], 10).ticks, [0.1, 1, 10, 100]);
  assert.equal(logAxis([5], 10).ticks, [1, 10]);
  assert.equal(logAxis([10], 10).ticks, [10, 100]);
});

axes('logarithmic: a zero is apart, at the very left', () => {
  const { ticks, place } = logAxis([0, 10_000, 5_000_000], 10);
  assert.equal(ticks, [0, 10_000, 100_000, 1_000_000, 10_000_000]);
  assert.is(place(0), 0);
  assert.ok(place(10_000) > 0.1 && place(10_000) < place(100_000));
  assert.is(place(10_000_000), 1);
});

axes('numbers at ticks', () => {
  assert.equal([0, 0.25, 64, 1_024, 5_000, 10_000, 12_500, 1_000_000, 2_500_000].map(tickLabel), [
    '0',
    '0.25',
    '64',
    '1,024',
    '5,000',
    '10k',
    '12.5k',
    '1 M',
    '2.5 M',
  ]);
});

const MEASURED = { date: '2027-03-04', node: 'v20.19.0', cpus: 2, load: 'wrk', rounds: 7, seconds: 3 };
const of = (median: number) => ({ median, min: median * 0.9, max: median * 1.1 });

const SCALING = {
  kind: 'scaling',
  version: 1,
  entries: ['embedded server', 'A & B <"1">'].map((database) => ({
    name: 'connections',
    database,
    measured: MEASURED,
    points: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024].map((x) => ({
      x,
      metrics: { rate: of(x * 7.3), p50: of(x / 9), p99: of(x / 3), cpu: of(300 - x / 7) },
    })),
  })),
};
const MEMORY = {
  kind: 'memory',
  version: 1,
  entries: [
    {
      ...{ name: 'memory', database: 'embedded server', measured: MEASURED },
      samples: Array.from({ length: 2_000 }, (_, n) => [n * 1_000, 60 + (n % 17)]),
    },
  ],
};

async function folderWith(files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await tempDir();
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

function draw(...args: string[]) {
  return spawnSync(process.execPath, [repoFile('scripts/draw-performance.js'), ...args], {
    encoding: 'utf8',
  });
}

test('each curve is a picture, small, and the same each time', async () => {
  const folder = await folderWith({
    'scaling.json': SCALING,
    'memory.json': MEMORY,
    'compare.json': { kind: 'compare' },
  });
  assert.is(draw(folder).status, 0);
  const pictures = (await readdir(folder)).filter((file) => file.endsWith('.svg')).sort();
  assert.equal(pictures, ['memory.svg', 'scaling-connections.svg']);
  for (const picture of pictures) {
    const first = await readFile(join(folder, picture), 'utf8');
    assert.ok(first.length < 10_000, `${picture} has ${first.length} bytes`);
    assert.not.match(first, /NaN|undefined|Infinity/);
    await rm(join(folder, picture));
    assert.is(draw(folder).status, 0);
    assert.is(await readFile(join(folder, picture), 'utf8'), first);
  }
});

test('a picture is well-formed XML, whatever a database is called', async () => {
  const folder = await folderWith({ 'scaling.json': SCALING });
  draw(folder);
  const svg = await readFile(join(folder, 'scaling-connections.svg'), 'utf8');
  assert.ok(svg.includes('>A &amp; B &lt;&quot;1&quot;&gt;</text>'));
  const text = svg.replaceAll(/<[a-z][^<>]*?\/>/g, '');
  const tags = [...text.matchAll(/<(\/?)([a-z]+)[^<>]*>/g)];
  const open: (string | undefined)[] = [];
  for (const [, end, name] of tags) {
    if (end) assert.is(open.pop(), name);
    else open.push(name);
  }
  assert.equal(open, []);
  assert.not.match(text.replaceAll(/<[^<>]*>/g, ''), /[<>]|&(?!amp;|lt;|gt;|quot;)/);
});

test('a picture says what is on its axes, and how it was measured', async () => {
  const folder = await folderWith({ 'scaling.json': SCALING });
  draw(folder);
  const svg = await readFile(join(folder, 'scaling-connections.svg'), 'utf8');
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content]) => content);
  for (const said of ['opens per second', 'latency, ms', 'connections', '1,024', '10k', 'p50', 'p99']) {
    assert.ok(texts.includes(said), said);
  }
  const how =
    'embedded server · medians and spread of 7 rounds of 3 s · load by wrk · 2 CPUs, Node 20.19.0 · 2027-03-04';
  assert.ok(texts.includes(how));
});

test('--check fails when figures or pictures have changed, and writes nothing', async () => {
  const folder = await folderWith({ 'memory.json': MEMORY });
  const missing = draw('--check', folder);
  assert.is(missing.status, 1);
  assert.match(
    missing.stderr,
    /^draw-performance: memory\.svg: not what the figures make; run npm run draw\n$/,
  );
  assert.equal(await readdir(folder), ['memory.json']);
  draw(folder);
  assert.is(draw('--check', folder).status, 0);
  const [entry] = MEMORY.entries;
  await writeFile(
    join(folder, 'memory.json'),
    JSON.stringify({ ...MEMORY, entries: [{ ...entry, database: 'other' }] }),
  );
  assert.is(draw('--check', folder).status, 1);
});

test('a picture that no figures make is told of', async () => {
  const folder = await folderWith({ 'memory.json': MEMORY, 'old.svg': '<svg/>' });
  const { status, stderr } = draw(folder);
  assert.is(status, 1);
  assert.is(stderr, 'draw-performance: no figures make old.svg: remove it\n');
});

const points = (metrics: object) => [
  { name: 'connections', database: 'x', measured: MEASURED, points: [{ x: 1, metrics }] },
];
for (const [what, files, sentence] of [
  ['no figures at all', {}, /there are no figures to draw in /],
  ['figures for tables alone', { 'compare.json': { kind: 'compare' } }, /there are no figures to draw in /],
  ['a file that is no JSON', { 'a.json': '{"kind"' }, /a\.json cannot be drawn: .*JSON/],
  [
    'a file without entries',
    { 'a.json': { kind: 'scaling', entries: [] } },
    /a\.json cannot be drawn: it has no figures/,
  ],
  [
    'a curve without points',
    { 'a.json': { kind: 'scaling', entries: [{ ...points({})[0], points: [] }] } },
    /Opens by the number of connections: there are no points to draw/,
  ],
  [
    'a curve that no chart is for',
    { 'a.json': { kind: 'scaling', entries: [{ ...points({})[0], name: 'constructor' }] } },
    /it has a curve "constructor", which there is no chart for/,
  ],
  [
    'what is no number',
    { 'a.json': { kind: 'scaling', entries: points({ rate: { median: null, min: 1, max: 2 } }) } },
    /a point has something that is no number/,
  ],
] as const) {
  test(`refused in a sentence: ${what}`, async () => {
    const { status, stderr } = draw(await folderWith(files));
    assert.is(status, 1);
    assert.match(stderr, sentence);
    assert.match(stderr, /^draw-performance: [^\n]+\n$/);
  });
}

test('refused in a sentence: no such folder', async () => {
  const { status, stderr } = draw(join(await tempDir(), 'no'));
  assert.is(status, 1);
  assert.match(stderr, /^draw-performance: there is no folder \S+\n$/);
});
