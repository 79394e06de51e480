import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { coldStart } from '../../bench/cold-start.js';
import { memory } from '../../bench/memory.js';
import { UsageError } from '../../bench/options.js';
import { scaling } from '../../bench/scaling.js';
import { repoFile } from '../harness/repo-file.js';

const test = suite('bench: scaling, memory, cold-start', { fileTimeoutMs: 180_000 });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run bench -- …args`, without the build. */
function bench(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } };
    execFile(
      process.execPath,
      [repoFile('dist/bench/main.js'), ...args],
      options,
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
      },
    );
  });
}

for (const [part, args, sentence] of [
  [scaling, '--only tenants,planets', /^--only does not know "planets"; there are connections, intents, /],
  [scaling, '--stored 0,many', /^--stored must be whole numbers with commas between them, not "0,many"\.$/],
  [scaling, '--stored=', /^--stored must be whole numbers/],
  [scaling, '--stored=-1', /^--stored must be whole numbers/],
  [scaling, '--rounds 0', /^--rounds must be a whole number, 1 or more, not "0"\.$/],
  [scaling, '--seconds 0', /^--seconds must be a number of seconds above 0/],
  [scaling, '--levels 1', /^--levels is not an option\.$/],
  [scaling, '--json /no/such/folder/scaling.json', /its folder is not there, or not ours\.$/],
  [memory, '--opens all', /^--opens must be a whole number, 1 or more, not "all"\.$/],
  [coldStart, '--starts', /^--starts needs a value\.$/],
] as const) {
  test(`refused: ${part.name} ${args}`, async () => {
    await part.run(args.split(' ')).then(
      () => assert.unreachable(),
      (error) => {
        assert.instance(error, UsageError);
        assert.match(error.message, sentence);
      },
    );
  });
}

test('a server that is not there is one sentence, without its address', async () => {
  const { code, stderr } = await bench(['scaling'], { MONGODB_URI: 'mongodb://user:secret@127.0.0.1:1/' });
  assert.is(code, 1);
  assert.match(stderr, /^bench: MONGODB_URI cannot be used: no server answers there[^\n]+\n$/);
  assert.not.match(stderr, /secret|127\.0\.0\.1/);
});

for (const part of [scaling, memory, coldStart]) {
  test(`${part.name} says what it does`, () => {
    assert.ok(part.help.startsWith(`Usage: npm run bench -- ${part.name} [options]\n`));
    assert.match(part.help, /--json <file>/);
    assert.ok(part.help.split('\n').every((line) => line.length <= 130));
  });
}

test(
  'a quick run keeps its figures',
  async () => {
    const file = join(await tempDir(), 'scaling.json');
    const { code, stdout } = await bench(['scaling', '--quick', '--only', 'intents', '--json', file]);
    assert.is(code, 0, stdout);
    const { entries } = JSON.parse(await readFile(file, 'utf8'));
    assert.is(entries.length, 1);
    const [{ name, measured, points }] = entries;
    assert.is(name, 'intents');
    assert.is(measured.rounds, 1);
    assert.equal(
      points.map(({ x }: { readonly x: number }) => x),
      [0, 200],
    );
    const [few, many] = points.map(({ metrics }: { readonly metrics: object }) => metrics);
    assert.ok(few.rate.median > 0);
    assert.ok(many.answerBytes.median > 50 * few.answerBytes.median);
  },
  { timeoutMs: 60_000 },
);

test('stored conversations are left out on the embedded server unless numbers are given', async () => {
  const { code, stdout } = await bench(['scaling', '--only', 'stored'], { MONGODB_URI: '' });
  assert.is(code, 0);
  assert.match(stdout, /stored: skipped: needs a real server \(MONGODB_URI\)/);
});
