import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';

const test = suite('bench: the command', { fileTimeoutMs: 240_000 });

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run bench -- <args>`, without the build, and without MONGODB_URI. */
function bench(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const { MONGODB_URI: _, ...others } = process.env;
    const options = { env: { ...others, ...env }, maxBuffer: 1 << 24 };
    execFile(process.execPath, [repoFile('dist/bench/main.js'), ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

test('--help lists the parts, and the options of the default one', async () => {
  const { code, stdout, stderr } = await bench(['--help']);
  assert.equal([code, stderr], [0, '']);
  for (const text of [
    'compare',
    'verify-session',
    'erase-customer',
    'watch-conversations',
    '--rounds',
    '--quick',
  ]) {
    assert.ok(stdout.includes(text), `${text} is not in\n${stdout}`);
  }
});

test('<part> --help is that of the part', async () => {
  const { code, stdout } = await bench(['erase-customer', '--help']);
  assert.is(code, 0);
  assert.match(stdout, /^Usage: npm run bench -- erase-customer \[options\]\n/);
  assert.match(stdout, /--conversations <n> .*\(100000\)\n/);
});

const REFUSED: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['nonsense'], /^bench: "nonsense" is not a part\. /],
  [['--nonsense'], /^bench: --nonsense is not an option\. /],
  [['compare', '--rounds', 'many'], /^bench: --rounds must be a whole number, 1 or more, not "many"\. /],
  [['verify-session', '--quick'], /^bench: --quick is not an option\. /],
  [['--only', 'nobody'], /^bench: --only does not know "nobody"; there are http, grpc, .*public-path, /],
  [
    ['--profile', '--only', 'static-http'],
    /^bench: --profile is for the service itself, and not for static-http\. /,
  ],
  [['--quick', '--json', '/nowhere/a.json'], /\nbench: --json \/nowhere\/a\.json cannot be written: ENOENT/],
];
for (const [args, says] of REFUSED) {
  test(
    `refused: ${args.join(' ')}`,
    async () => {
      const { code, stderr } = await bench(args);
      assert.is(code, 1);
      assert.match(stderr, says);
      assert.not.match(stderr, /\n {4}at /);
    },
    { timeoutMs: 30_000 },
  );
}

/** Some of each group, and none of the peers, which have tests of their own. */
const ONLY = 'public-path,static-http,engine,static-grpc,insert-one,single,refused-bad-json';

test(
  '--quick shows that everything answers as it should, and writes the report',
  async () => {
    const json = join(await tempDir(), 'report.json');
    const { code, stdout, stderr } = await bench(['--quick', '--only', ONLY, '--json', json]);
    assert.is(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /== the embedded server ==/);
    assert.match(stdout, /public path \/ static node:http .*≥ 0\.6/);

    const report = JSON.parse(await readFile(json, 'utf8'));
    assert.is(report.version, 1);
    assert.ok(Date.now() - Date.parse(report.measuredAt) < 120_000, report.measuredAt);
    assert.is(report.machine.node, process.version);
    assert.equal(report.options, { rounds: 1, seconds: 0.4, connections: 64 });
    const [{ database, contenders, refused, ratios }, ...more] = report.databases;
    assert.equal([database, more], ['embedded', []]);
    assert.is(contenders.length, 8);
    for (const { name, answers, unexpected, rounds, rate } of contenders) {
      assert.ok(answers > 0 && unexpected === 0, `${name}: ${answers} and ${unexpected}`);
      assert.is(rounds.length, 1);
      assert.is(rate.median, rounds[0].rate);
    }
    assert.is(refused.length, 1);
    assert.is(ratios.length, 6);
  },
  { timeoutMs: 120_000 },
);

test(
  'without wrk and ghz it makes the load itself, and names it',
  async () => {
    const { code, stdout } = await bench(['--quick', '--only', 'public-path,engine'], { PATH: '/nowhere' });
    assert.is(code, 0, stdout);
    assert.match(
      stdout,
      /load by own generator \(node:net, 1 process\) and own generator \(grpc-js, 1 process\)/,
    );
  },
  { timeoutMs: 60_000 },
);

test(
  '--profile shows where each thread spends its time, and leaves the profiles',
  async () => {
    const folder = await tempDir();
    const { code, stdout } = await bench(['--profile', '--seconds', '0.5'], { TMPDIR: folder });
    assert.is(code, 0, stdout);
    const files = [...stdout.matchAll(/^== (main thread|embedded server): (\S+\.cpuprofile) ==$/gm)];
    assert.equal(
      files.map(([, thread]) => thread),
      ['main thread', 'embedded server'],
    );
    for (const [, , path = ''] of files) {
      assert.ok(path.startsWith(folder), path);
      assert.ok(JSON.parse(await readFile(path, 'utf8')).samples.length > 0, path);
    }
    assert.match(stdout, /^ {2}mongodb +\d/m);
    assert.match(stdout, /^ {2}\S+ src\/\S+\.js:\d+ +\d/m);
  },
  { timeoutMs: 60_000 },
);
