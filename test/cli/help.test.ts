import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { runCommand } from './run-command.js';

const test = suite('command line: help and usage');

const COMMANDS = [
  ...[
    'serve',
    'check-config',
    'backup',
    'engine-token',
    'apply',
    'export',
    'explain',
    'open',
    'verify',
    'watch',
  ],
  ...['tenants list', 'tenants delete', 'flows list', 'flows publish', 'flows unpublish'],
  ...[
    'keys list',
    'keys create',
    'keys rotate',
    'keys disable',
    'keys enable',
    'keys revoke',
    'keys origins',
  ],
  ...['list', 'get', 'end', 'erase', 'export'].map((name) => `conversations ${name}`),
];
for (const command of COMMANDS) {
  test(`${command} --help: usage, an example, the exit codes`, async () => {
    const { code, stdout, stderr } = await runCommand([...command.split(' '), '--help']);
    assert.is(code, 0);
    assert.is(stderr, '');
    assert.match(stdout, new RegExp(`^Usage: chatsessions ${command} `));
    assert.match(stdout, /\nExample:\n {2}\S/);
    assert.match(stdout, new RegExp(`\\n {2}.*chatsessions ${command}`));
    assert.match(stdout, /\nExit codes: 0 done; 1 .*; 2 .*; 3 /);
  });
}

test('--help lists every command', async () => {
  const { code, stdout } = await runCommand(['--help']);
  assert.is(code, 0);
  for (const command of COMMANDS) assert.match(stdout, new RegExp(`^  ${command.split(' ')[0]} `, 'm'));
});

test('serve --help lists the configuration', async () => {
  for (const args of [
    ['serve', '--help'],
    ['help', 'serve'],
  ]) {
    const { code, stdout } = await runCommand(args);
    assert.is(code, 0);
    assert.match(stdout, /MONGODB_URI +MongoDB to store in/);
  }
});

const WRONG: readonly (readonly [args: readonly string[], complaint: RegExp])[] = [
  [['nonsense'], /^chatsessions: unknown command 'nonsense'\n$/],
  [['aply'], /Did you mean apply\?/],
  [['serve', 'twice'], /too many arguments for 'serve'/],
  [['apply'], /required option '-f, --file <file>' not specified/],
  [['export'], /missing required argument 'tenant'/],
  [['flows', 'list', 'acme', '--nonsense'], /unknown option '--nonsense'/],
  [['conversations', 'list', 'acme', '--state', 'sleeping'], /Allowed choices are ongoing, ended/],
  [['conversations', 'list', 'acme', '--limit', '0'], /It must be a whole number above 0/],
  [['conversations', 'list', 'acme', '--from', 'yesterday'], /It must be a time such as/],
  [['conversations', 'end', 'acme'], /say which conversation, or --customer-id/],
  [['conversations', 'erase', 'acme', '--customer-id', 'u'], /Say --yes: nobody is there to ask/],
  [['tenants', 'delete', 'acme'], /Say --yes/],
  [['keys', 'revoke', 'acme', 'web'], /Say --yes/],
  [['keys', 'rotate', 'acme', 'web', '--overlap', '7 days'], /It must be a duration/],
  [['keys', 'create', 'acme', 'web', '--identity', 'required'], /say --out FILE, or --json/],
  [['open', '--key', 'k', '--variables', '[1]'], /It must be a JSON object/],
  [['apply', '-f', '/nonexistent.yaml'], /-f: ENOENT/],
  [['flows', 'list', 'acme', '--token-file', '/nonexistent'], /--token-file: ENOENT/],
  [['flows', 'list', 'acme', '--tls-cert', '/cert.pem'], /--tls-cert and --tls-key go together/],
];
for (const [args, complaint] of WRONG) {
  test(`exit code 2: ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await runCommand(args);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, complaint);
  });
}
