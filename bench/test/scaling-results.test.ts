import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { UsageError } from '../src/command/options.js';
import { type Entry, measuredHere, openResultsFile } from '../src/figures/results-file.js';
import { quartersOf, type Sample, watchMemory } from '../src/parts/memory-watch.js';

const test = suite('bench: results files');
const memory = suite('bench: memory');

interface Numbers extends Entry {
  readonly points: readonly object[];
}

const measured = measuredHere(() => new Date('2027-03-04T05:06:07Z'));
const entry = (name: string, database: string, points: readonly object[]): Numbers => {
  return { name, database, measured, points };
};

async function entriesOf(file: string) {
  const { kind, version, entries } = JSON.parse(await readFile(file, 'utf8'));
  assert.equal([kind, version], ['scaling', 1]);
  return entries.map(({ name, database, points }: Numbers) => [name, database, points]);
}

test('an entry takes the place of the one that has its name and database, and leaves the others alone', async () => {
  const file = join(await tempDir(), 'scaling.json');
  const first = await openResultsFile<Numbers>(file, 'scaling');
  await first.put(entry('tenants', 'embedded server', [{ x: 1 }]));
  await first.put(entry('intents', 'embedded server', [{ x: 2 }]));
  const second = await openResultsFile<Numbers>(file, 'scaling');
  await second.put(entry('tenants', 'MongoDB 8', [{ x: 3 }]));
  await second.put(entry('tenants', 'embedded server', [{ x: 4 }]));
  assert.equal(await entriesOf(file), [
    ['intents', 'embedded server', [{ x: 2 }]],
    ['tenants', 'MongoDB 8', [{ x: 3 }]],
    ['tenants', 'embedded server', [{ x: 4 }]],
  ]);
});

test('the same entries make the same bytes, whatever their order was', async () => {
  const folder = await tempDir();
  const entries = [entry('b', 'x', [{ x: 1, y: [1, 2] }]), entry('a', 'x', [])];
  const texts: string[] = [];
  for (const [index, order] of [entries, entries.toReversed()].entries()) {
    const file = join(folder, `${index}.json`);
    const results = await openResultsFile<Numbers>(file, 'scaling');
    await Promise.all(order.map((one) => results.put(one)));
    texts.push(await readFile(file, 'utf8'));
  }
  assert.is(texts[0], texts[1]);
  assert.match(texts[0] ?? '', /"y": \[ 1, 2 \]/);
  assert.equal((await readdir(folder)).sort(), ['0.json', '1.json']);
});

test('it says when and where', () => {
  assert.is(measured.date, '2027-03-04');
  assert.is(measured.node, process.version);
  assert.ok(measured.cpus > 0);
});

for (const [what, text] of [
  ['a file of another kind', '{"kind": "memory", "version": 1, "entries": []}'],
  ['a file of another version', '{"kind": "scaling", "version": 2, "entries": []}'],
  ['a file without entries', '{"kind": "scaling", "version": 1}'],
  ['a file that is no JSON', 'figures'],
  ['a file that says nothing', 'null'],
] as const) {
  test(`${what} is refused, and left as it is`, async () => {
    const file = join(await tempDir(), 'other.json');
    await writeFile(file, text);
    await assertRefused(file, /^\S+ is there and has no results of scaling, version 1\.$/);
    assert.is(await readFile(file, 'utf8'), text);
  });
}

test('a folder that is not there is known before anything is measured', async () => {
  await assertRefused(
    join(await tempDir(), 'no', 'scaling.json'),
    /cannot be written: its folder is not there/,
  );
});

test('a file that cannot be read is no empty one', async () => {
  const file = join(await tempDir(), 'folder.json');
  await mkdir(file);
  await assertRefused(file, /cannot be read/);
});

test('without a file, figures go nowhere', async () => {
  await (await openResultsFile<Numbers>(undefined, 'scaling')).put(entry('a', 'b', []));
});

async function assertRefused(file: string, pattern: RegExp): Promise<void> {
  await openResultsFile(file, 'scaling').then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, UsageError);
      assert.match(error.message, pattern);
    },
  );
}

memory(
  'the median of each quarter of the opens, the most, and the last quarter as a share of the third',
  () => {
    const samples: Sample[] = [
      ...([
        [100, 50],
        [200, 70],
        [250, 60],
      ] as const),
      ...([
        [300, 80],
        [450, 82],
      ] as const),
      ...([
        [500, 100],
        [600, 104],
        [740, 200],
      ] as const),
      ...([
        [800, 101],
        [900, 105],
        [1_000, 103],
      ] as const),
    ];
    const { quarters, max, lastToThird } = quartersOf(samples);
    assert.equal(quarters, [60, 80, 104, 103]);
    assert.is(max, 200);
    assert.is(lastToThird, 0.99);
  },
);

memory('samples go on until there are enough opens; a stretch that fails loses none', async () => {
  const kept: number[] = [];
  let stretch = 0;
  const samples = await watchMemory({ memoryMiB: () => 64 }, 25, {
    async run() {
      if (++stretch === 2) throw new Error('no load');
      return 10;
    },
    onSamples: async (soFar) => void kept.push(soFar.length),
    print: () => {},
  });
  assert.is(stretch, 4);
  assert.equal(kept, [1, 2, 3, 4]);
  assert.equal(samples, [
    [10, 64],
    [10, 64],
    [20, 64],
    [30, 64],
  ]);
});

memory('a server that answers nothing more is given up', async () => {
  let stretches = 0;
  const samples = await watchMemory({ memoryMiB: () => 64 }, 100, {
    run: async () => (++stretches === 1 ? 10 : 0),
    onSamples: async () => {},
    print: () => {},
  });
  assert.is(stretches, 4);
  assert.is(samples.at(-1)?.[0], 10);
});

memory('what cannot be read is no sample', async () => {
  let reads = 0;
  const samples = await watchMemory({ memoryMiB: () => (++reads === 2 ? Number.NaN : 64) }, 30, {
    run: async () => 10,
    onSamples: async () => {},
    print: () => {},
  });
  assert.equal(samples, [
    [10, 64],
    [30, 64],
  ]);
});
