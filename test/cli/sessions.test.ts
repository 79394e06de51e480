import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { commandsOf, type Ran, type RunOptions } from './run-command.js';

const test = suite('command line: sessions and conversations');
const KEY = 'pk_live_00000000000000000000000000000001';
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/;

let app: TestApp;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
test.before(async () => {
  app = await startTestApp();
  run = commandsOf(app.grpcTarget);
});
test.after(() => app.close());

async function opened(...args: string[]): Promise<{ sessionToken: string; conversationId: string }> {
  const { code, stdout, stderr } = await run(['open', '--key', KEY, '--json', ...args]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

test('open: a token for people and for scripts', async () => {
  const variables = ['--variables', '{"cart_total":129}', '--locale', 'en-gb', '--ttl', '5m'];
  const { code, stdout } = await run(['open', '--key', KEY, ...variables]);
  assert.is(code, 0);
  assert.match(stdout, /^token {9}eyJ[\w.-]+\nconversation {2}[0-9a-f-]{36}\nexpires {7}20/);
  const answer = await opened();
  assert.match(answer.sessionToken, /^eyJ/);
});

test('open: broken rules stand in one line, each with its path and rule', async () => {
  const { code, stdout, stderr } = await run([
    'open',
    '--key',
    KEY,
    '--locale',
    'en_US',
    '--variables',
    '{"Cart":1}',
  ]);
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(
    stderr,
    /^chatsessions: invalid_input: [^\n|]+ \| locale: [^\n|]+ \(LOCALE[._]BCP47\) \| variables\.Cart: [^\n]+\n$/i,
  );
  const json = await run(['open', '--key', KEY, '--locale', 'en_US', '--json']);
  const { error } = JSON.parse(json.stderr);
  assert.equal(
    [error.code, error.violations.map(({ field }: { field: string }) => field)],
    ['invalid_input', ['locale']],
  );
});

test('verify: a token from standard input or an argument; one that is not good is exit code 1', async () => {
  const { sessionToken, conversationId } = await opened('--customer-id', 'u-1');
  const good = await run(['verify'], { stdin: `${sessionToken}\n` });
  assert.is(good.code, 0);
  assert.match(
    good.stdout,
    new RegExp(`^good until 20.*\\ntenant {8}acme\\nconversation  ${conversationId}\\n`),
  );
  assert.match(good.stdout, 'u-1 (not verified)');
  assert.is((await run(['verify', sessionToken, '--intent', 'order_status'])).code, 0);
  assert.is((await run(['verify', sessionToken, '--intent', 'no_such'])).code, 1);
  const bad = await run(['verify', `${sessionToken}x`]);
  assert.is(bad.code, 1);
  assert.match(bad.stderr, /^chatsessions: invalid_session_token: /);
});

test('conversations: list, get, end, export, erase', async () => {
  const { conversationId } = await opened('--customer-id', 'u-2', '--variables', '{"note":"a\\u001b[31mb"}');
  await opened('--customer-id', 'u-2');
  const listed = await run(['conversations', 'list', 'acme', '--customer-id', 'u-2']);
  assert.match(listed.stdout, new RegExp(`^CONVERSATION +OPENED .*\\n(.*\\n)?${conversationId}  20`));
  assert.is(listed.stdout.trim().split('\n').length, 3);
  const json = await run(['conversations', 'list', 'acme', '--customer-id', 'u-2', '--json', '--limit', '1']);
  assert.is(JSON.parse(json.stdout).conversations.length, 1);

  const got = await run(['conversations', 'get', 'acme', conversationId]);
  assert.match(got.stdout, new RegExp(`^conversation {2}${conversationId}\\n`));
  assert.not.match(got.stdout, '\u001b');
  const missing = await run(['conversations', 'get', 'globex', conversationId]);
  assert.is(missing.code, 1);
  assert.match(missing.stderr, /^chatsessions: not_found: /);

  assert.match((await run(['conversations', 'end', 'acme', conversationId])).stdout, UUID);
  const ended = await run(['conversations', 'end', 'acme', '--customer-id', 'u-2', '--json']);
  assert.equal(JSON.parse(ended.stdout), { endedCount: 1, complete: true });
  const exported = await run(['conversations', 'export', 'acme', '--customer-id', 'u-2', '--json']);
  const lines = exported.stdout.trim().split('\n');
  assert.equal(
    lines.map((line) => JSON.parse(line).customerId),
    ['u-2', 'u-2'],
  );
  assert.match(
    (await run(['conversations', 'export', 'acme', '--customer-id', 'u-2'])).stdout,
    /^CONVERSATION .*\n.*ended/,
  );
  const erased = await run(['conversations', 'erase', 'acme', '--customer-id', 'u-2', '--yes']);
  assert.is(erased.stdout, '2 conversations deleted.\n');
});

test('watch: events until it is interrupted, and where to go on', async () => {
  const lines: string[] = [];
  const stop = new AbortController();
  const watching = run(['watch', 'acme', '--json'], {
    onLine: (line) => lines.push(line),
    signal: stop.signal,
  });
  const { conversationId } = await opened();
  await until('an event', async () => {
    if (lines.length > 0) return true;
    await opened();
    return false;
  });
  stop.abort();
  const { code, stderr } = await watching;
  assert.is(code, 0, stderr);
  const [, token = ''] = /^Go on with --resume-token (\S+)\n$/.exec(stderr) ?? [];
  assert.is(JSON.parse(lines[0] ?? '').kind, 'KIND_OPENED');
  assert.ok(conversationId);

  const again = new AbortController();
  const resumed = run(['watch', 'acme', '--resume-token', token], {
    onLine: () => again.abort(),
    signal: again.signal,
  });
  await opened();
  assert.match((await resumed).stdout, /^20\S+ {2}opened +[0-9a-f-]{36} {2}revision 1\n/);
});
