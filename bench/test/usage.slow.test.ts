import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { bench } from './command.js';

const test = suite('bench: the command');

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
