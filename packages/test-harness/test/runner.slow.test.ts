import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../src/suite.js';
import { tempDir } from '../src/temp-dir.js';

const RUNNER = fileURLToPath(new URL('../src/run.js', import.meta.url));
const HEAD = `
  import { suite } from '${new URL('../src/suite.js', import.meta.url)}';
  import * as assert from '${import.meta.resolve('uvu/assert')}';
  const test = suite('s');
`;

interface Run {
  readonly exitCode: number | null;
  readonly lastLine: string | undefined;
  readonly output: string;
}

/** Runs the runner on a project whose test files are these: path under test/, without the ending → code. */
async function run(files: Readonly<Record<string, string | undefined>>, ...args: string[]): Promise<Run> {
  const root = await tempDir();
  await mkdir(join(root, 'test'));
  await mkdir(join(root, 'dist/test'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  for (const [name, code] of Object.entries(files)) {
    await writeFile(join(root, `test/${name}.test.ts`), '');
    if (code !== undefined) await writeFile(join(root, `dist/test/${name}.test.js`), HEAD + code);
  }
  const child = spawn(process.execPath, [RUNNER, '--root', root, ...args], {
    env: { ...process.env, TEST_CONCURRENCY: '4', TEST_FILE_TIMEOUT_MS: '30000', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = Buffer.concat(chunks).toString();
  return { exitCode, lastLine: output.trimEnd().split('\n').at(-1), output };
}

interface Case {
  readonly name: string;
  readonly code: string | undefined;
  /** What the file's line must count. */
  readonly counts: string;
  /** What the report of the file must say. */
  readonly says: readonly RegExp[];
}

const GOOD = `test('good', () => {});`;

const CASES: readonly Case[] = [
  {
    name: 'passes',
    code: GOOD,
    counts: '1 passed',
    says: [],
  },
  {
    name: 'shows suite, test, message, difference and stack of a failed assertion',
    code: `${GOOD} test('bad', () => assert.equal({ n: 1 }, { n: 2 }));`,
    counts: '1 passed, 1 failed',
    says: [/FAIL\s+s\s+"bad"/, /Expected values to be deeply equal/, /\+\+.*2/, /at .*case-1\.test\.js:\d+/],
  },
  {
    name: 'fails the tests of a suite whose before hook throws',
    code: `test.before(() => { throw new Error('no server'); }); ${GOOD} test('two', () => {});`,
    counts: '0 passed, 2 failed',
    says: [/in a before hook: no server/],
  },
  {
    name: 'fails the tests of a suite whose before hook rejects with undefined',
    code: `test.before(() => Promise.reject()); ${GOOD}`,
    counts: '0 passed, 1 failed',
    says: [/threw a non-Error: undefined/],
  },
  {
    name: 'fails when an after hook throws',
    code: `test.after(() => { throw null; }); ${GOOD}`,
    counts: '1 passed, 1 failed',
    says: [/s › after/, /threw a non-Error: null/],
  },
  {
    name: 'fails the test around which an each hook throws, and goes on',
    code: `let n = 0; test.before.each(() => { if (n++ === 0) throw 'x'; }); test.after.each(() => { if (n === 2) throw 'y'; });
      test('one', () => {}); test('two', () => {}); test('three', () => {});`,
    counts: '1 passed, 2 failed',
    says: [/"one"/, /non-Error: 'x'/, /"two"/, /non-Error: 'y'/],
  },
  {
    name: 'fails tests that throw or reject with something else than an Error, and goes on',
    code: `test('a', () => Promise.reject()); test('b', () => { throw 'text'; }); test('c', () => { throw null; });
      test('d', async () => { throw { name: 7 }; }); test('e', () => { throw Object.assign(new Error('x'), { name: 7 }); }); ${GOOD}`,
    counts: '1 passed, 5 failed',
    says: [/"a"\s+threw a non-Error: undefined/, /"b"\s+threw a non-Error: 'text'/, /"c"/, /"d"/, /"e"/],
  },
  {
    name: 'shows the cause of an error',
    code: `test('bad', () => { throw new Error('outer', { cause: new Error('inner') }); });`,
    counts: '0 passed, 1 failed',
    says: [/outer/, /\[cause\]: Error: inner/],
  },
  {
    name: 'fails a file without tests',
    code: '',
    counts: '0 passed, 1 failed',
    says: [/no tests/],
  },
  {
    name: 'fails a test that does not end, and goes on',
    code: `test('endless', () => new Promise(() => {}), { timeoutMs: 50 }); ${GOOD}`,
    counts: '1 passed, 1 failed',
    says: [/"endless"\s+timed out after 50 ms/],
  },
  {
    name: 'fails hooks that do not end',
    code: `test.before(() => new Promise(() => {}), { timeoutMs: 50 }); test.after(() => new Promise(() => {}), { timeoutMs: 50 }); ${GOOD}`,
    counts: '0 passed, 2 failed',
    says: [/in a before hook: timed out after 50 ms/, /s › after/],
  },
  {
    name: 'kills a file that blocks, naming the test',
    code: `const s = suite('quick', { fileTimeoutMs: 300 }); s('fine', () => {}); test('blocked', () => { for (;;); });`,
    counts: '0 passed, 1 failed',
    says: [/s › blocked: the file was killed after 300 ms/],
  },
  {
    name: 'fails on an unhandled rejection',
    code: `test('good', async () => { Promise.reject(undefined); await new Promise((r) => setTimeout(r, 20)); });`,
    counts: '1 passed, 1 failed',
    says: [/unhandled rejection/],
  },
  {
    name: 'fails on an exception that escapes after the last test',
    code: `test('good', () => { setTimeout(() => { throw new Error('late'); }, 20); });`,
    counts: '1 passed, 1 failed',
    says: [/uncaught exception/, /late/],
  },
  {
    name: 'fails a process that ends in mid-test as if all were well',
    code: `${GOOD} test('gone', () => process.exit(0));`,
    counts: '1 passed, 1 failed',
    says: [/s › gone: the process ended in mid-run \(exit code 0\)/],
  },
  {
    name: 'fails a process that a signal ends',
    code: `test('shot', () => { process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}); });`,
    counts: '0 passed, 1 failed',
    says: [/s › shot: the process ended in mid-run \(signal SIGKILL\)/],
  },
  {
    name: 'fails a file that cannot be loaded',
    code: `${GOOD} throw new Error('at the top');`,
    counts: '0 passed, 1 failed',
    says: [/could not be loaded/, /at the top/],
  },
  {
    name: 'fails a file that waits for ever while loading',
    code: `${GOOD} await new Promise(() => {});`,
    counts: '0 passed, 1 failed',
    says: [/loading the file: the process ended in mid-run/],
  },
  {
    name: 'fails a process that does not exit by itself, naming what is open',
    code: `import net from 'node:net'; test('good', () => new Promise((r) => net.createServer().listen(0, r)));`,
    counts: '1 passed, 1 failed',
    says: [/did not exit by itself after its tests: TCPServerWrap/],
  },
  {
    name: 'fails a file that leaves a process behind',
    code: `import { spawn } from 'node:child_process';
      test('good', () => { spawn('sleep', ['60'], { stdio: 'inherit' }).unref(); });`,
    counts: '1 passed, 1 failed',
    says: [/outlived it/],
  },
  {
    name: 'counts skips and prints their reason',
    code: `${GOOD} test.skip('later', 'needs a network');`,
    counts: '1 passed, 1 skipped',
    says: [/skipped: s › later \(needs a network\)/],
  },
  {
    name: 'fails a skip without a reason',
    code: `${GOOD} test.skip('later');`,
    counts: '1 passed, 1 failed',
    says: [/test\.skip needs a reason/],
  },
  {
    name: 'fails test.only, though it runs it alone',
    code: `test.only('one', () => {}); test('two', () => { throw new Error('not me'); });`,
    counts: '1 passed, 1 failed, 1 skipped',
    says: [/test\.only is for the desk/],
  },
  {
    name: 'fails tests that are declared too late',
    code: `test('outer', () => { test('inner', () => {}); });`,
    counts: '0 passed, 1 failed',
    says: [/declared while the file loads/],
  },
  {
    name: 'fails a test file that was not compiled',
    code: undefined,
    counts: '0 passed, 1 failed',
    says: [/compiled file is missing/],
  },
];

const test = suite('test runner');

/** What the runner prints of each case, by its index: all are files of one run, since a run each takes far longer. */
const reports = new Map<number, string>();
let all: Run;
test.before(async () => {
  const files = CASES.map(({ code }, index) => [`case-${index}`, code] as const);
  all = await run(Object.fromEntries(files));
  const parts = all.output.split(/^[✔✘] test\/case-(\d+)\.test\.ts: (?=.* in \d+\.\d s$)/m);
  for (let at = 1; at < parts.length; at += 2) reports.set(Number(parts[at]), parts[at + 1] ?? '');
});

for (const [index, { name, counts, says }] of CASES.entries()) {
  test(name, () => {
    const report = reports.get(index) ?? '';
    assert.is(/^.*(?= in )/.exec(report)?.[0], counts, report);
    for (const pattern of says) assert.match(report, pattern);
  });
}

test('the last line has the sums, and the exit code is 1 when anything failed', () => {
  const sum = (word: string) =>
    CASES.reduce(
      (total, { counts }) => total + Number(new RegExp(`(\\d+) ${word}`).exec(counts)?.[1] ?? 0),
      0,
    );
  assert.is(all.lastLine, `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  assert.is(all.exitCode, 1);
});

for (const { name, code, exitCode, lastLine } of [
  { name: 'exits with 0 when all pass', code: GOOD, exitCode: 0, lastLine: '1 passed, 0 failed' },
  {
    name: 'exits with 0 when some are skipped with a reason',
    code: `${GOOD} test.skip('later', 'needs a network');`,
    exitCode: 0,
    lastLine: '1 passed, 0 failed, 1 skipped',
  },
  {
    name: 'exits with 1 when all are skipped',
    code: `test.skip('later', 'needs a network');`,
    exitCode: 1,
    lastLine: '0 passed, 0 failed, 1 skipped',
  },
]) {
  test(name, async () => {
    const result = await run({ a: code });
    assert.is(result.lastLine, lastLine);
    assert.is(result.exitCode, exitCode);
  });
}

test('runs the files whose path contains a filter', async () => {
  const files = { 'red-one': `test('x', () => { throw 1; });`, 'blue-one': GOOD, 'blue-two': GOOD };
  assert.is((await run(files, 'blue')).lastLine, '2 passed, 0 failed');
  const mixed = await run(files, 'two', 'red');
  assert.is(mixed.lastLine, '1 passed, 1 failed');
  assert.is(mixed.exitCode, 1);
});

test('prints one line for a file that passes, and what it wrote only with --verbose', async () => {
  const files = { a: `console.log('chatter'); ${GOOD}` };
  const { output } = await run(files);
  assert.match(output, /^✔ test\/a\.test\.ts: 1 passed in \d+\.\d s\n1 passed, 0 failed\n$/);
  assert.match((await run(files, '--verbose')).output, /\n {2}0\.0 s: s › good\nchatter/);
});

test('prints what a failed file wrote', async () => {
  const { output } = await run({ a: `console.log('chatter'); test('bad', () => { throw 1; });` });
  assert.match(output, /chatter/);
});

const FAST_AND_SLOW = { 'a-fast': GOOD, 'b.slow': GOOD, 'c.slow': `test('x', () => {}); ${GOOD}` };
for (const { name, args, lastLine, says } of [
  {
    name: 'leaves slow files out and says so',
    args: [],
    lastLine: '1 passed, 0 failed',
    says: /^2 slow files/,
  },
  { name: 'runs the slow files alone', args: ['--slow'], lastLine: '3 passed, 0 failed', says: /^✔/ },
  { name: 'runs a slow file that a filter names', args: ['b.'], lastLine: '1 passed, 0 failed', says: /^✔/ },
]) {
  test(name, async () => {
    const result = await run(FAST_AND_SLOW, ...args);
    assert.is(result.lastLine, lastLine);
    assert.is(result.exitCode, 0);
    assert.match(result.output, says);
  });
}

test('fails when no file matches', async () => {
  const { exitCode, lastLine } = await run({ a: GOOD }, 'nothing-like-it');
  assert.is(lastLine, '0 passed, 0 failed');
  assert.is(exitCode, 1);
});

test('prints its usage', async () => {
  const { exitCode, output } = await run({}, '--help');
  assert.match(output, /^Usage:/);
  assert.is(exitCode, 0);
});
