import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { drawFolder } from '../src/charts/draw-folder.js';
import { repoFile } from '../src/repo-file.js';

const test = suite('bench: charts of the figures');

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

/** The texts of a picture. */
async function textsOf(file: string): Promise<readonly (string | undefined)[]> {
  const svg = await readFile(file, 'utf8');
  return [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map(([, content]) => content);
}

/** The message that drawing a folder is refused with. */
async function refusalOf(folder: string, isCheck = false): Promise<string> {
  return drawFolder(folder, isCheck).then(
    (said) => `not refused: ${said}`,
    (error: Error) => error.message,
  );
}

test('each curve is a picture of figures, the same each time', async () => {
  const folder = await folderWith({
    'scaling.json': SCALING,
    'memory.json': MEMORY,
    'compare.json': { kind: 'compare' },
  });
  await drawFolder(folder, false);
  const pictures = (await readdir(folder)).filter((file) => file.endsWith('.svg')).sort();
  assert.equal(pictures, ['memory.svg', 'scaling-connections.svg']);
  const first = await Promise.all(pictures.map((picture) => readFile(join(folder, picture), 'utf8')));
  for (const svg of first) assert.not.match(svg, /NaN|undefined|Infinity/);
  // Alone and after another picture alike.
  for (const picture of pictures) await rm(join(folder, picture));
  await rm(join(folder, 'memory.json'));
  await drawFolder(folder, false);
  assert.is(await readFile(join(folder, 'scaling-connections.svg'), 'utf8'), first[1]);
});

test('a line has a place for each of its points', async () => {
  const folder = await folderWith({ 'scaling.json': SCALING });
  await drawFolder(folder, false);
  const svg = await readFile(join(folder, 'scaling-connections.svg'), 'utf8');
  const lines = [...svg.matchAll(/<path d="(M[^"]+)" stroke="#(?:2563eb|ea580c)"/g)].map(
    ([, path = '']) => path,
  );
  const places = lines.map((path) => path.split(/[ML]/).length - 1).filter((count) => count > 2);
  // Two databases: their rates, two latencies and CPU times.
  assert.equal(places, Array(8).fill(11));
});

test('a picture says what is on its axes, what its lines are, and how they were measured', async () => {
  const folder = await folderWith({ 'scaling.json': SCALING });
  await drawFolder(folder, false);
  const texts = await textsOf(join(folder, 'scaling-connections.svg'));
  for (const said of ['opens per second', 'latency, ms', 'connections', '1,024', '10k', 'p50', 'p99']) {
    assert.ok(texts.includes(said), `${said} is not in ${texts.join('|')}`);
  }
  const how =
    'embedded server · medians and spread of 7 rounds of 3 s · load by wrk · 2 CPUs, Node 20.19.0 · 2027-03-04';
  assert.ok(texts.includes(how), texts.join('|'));
  assert.ok(texts.includes('A &amp; B &lt;"1"&gt;'), texts.join('|'));
});

test('--check fails when figures or pictures have changed, and writes nothing', async () => {
  const folder = await folderWith({ 'memory.json': MEMORY });
  assert.is(await refusalOf(folder, true), 'memory.svg: differs from the figures; run npm run draw');
  assert.equal(await readdir(folder), ['memory.json']);
  await drawFolder(folder, false);
  await drawFolder(folder, true);
  const [entry] = MEMORY.entries;
  const changed = {
    ...MEMORY,
    entries: [
      {
        ...entry,
        samples: [
          [0, 1],
          [9, 2],
        ],
      },
    ],
  };
  await writeFile(join(folder, 'memory.json'), JSON.stringify(changed));
  assert.match(await refusalOf(folder, true), /^memory\.svg: differs/);
});

test('a picture without figures is an error', async () => {
  const folder = await folderWith({ 'memory.json': MEMORY, 'old.svg': '<svg/>' });
  assert.is(await refusalOf(folder), 'no figures belong to old.svg: remove it');
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
    /a\.json cannot be drawn: entries: Too small/,
  ],
  [
    'a curve without points',
    { 'a.json': { kind: 'scaling', entries: [{ ...points({})[0], points: [] }] } },
    /a\.json cannot be drawn: entries\.0\.points: Too small/,
  ],
  [
    'a curve without the figures of its chart',
    { 'a.json': { kind: 'scaling', entries: points({}) } },
    /Opens by the number of connections: there are no points to draw/,
  ],
  [
    'a curve that no chart is for',
    { 'a.json': { kind: 'scaling', entries: [{ ...points({})[0], name: 'constructor' }] } },
    /there is no chart for the curve "constructor"/,
  ],
  [
    'what is no number',
    { 'a.json': { kind: 'scaling', entries: points({ rate: { median: null, min: 1, max: 2 } }) } },
    /entries\.0\.points\.0\.metrics\.rate\.median: Invalid input: expected number/,
  ],
] as const) {
  test(`refused in a sentence: ${what}`, async () => {
    const message = await refusalOf(await folderWith(files));
    assert.match(message, sentence);
    assert.not.match(message, /\n/);
  });
}

test('the command says on standard error what is wrong, and exits with 1', async () => {
  const folder = join(await tempDir(), 'no');
  const file = repoFile('bench/dist/src/draw.js');
  const { status, stderr } = spawnSync(process.execPath, [file, folder], { encoding: 'utf8' });
  assert.is(status, 1);
  assert.match(stderr, /^draw: there is no folder \S+\n$/);
});
