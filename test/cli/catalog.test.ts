import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { commandsOf, type Ran, type RunOptions } from './run-command.js';

const test = suite('command line: the catalogue');
const KEY = 'pk_live_00000000000000000000000000000001';

let app: TestApp;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
test.before(async () => {
  app = await startTestApp();
  run = commandsOf(app.grpcTarget);
});
test.after(() => app.close());

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assert.is(code, 0, stderr);
  return stdout;
}

test('tenants list', async () => {
  assert.match(
    await ok('tenants', 'list'),
    /^TENANT +NAME +FLOWS PUBLISHED +REVISION\n(.*\n)*acme +Acme Inc\. +3 of 4 +\d+\n/,
  );
  const { tenants } = JSON.parse(await ok('tenants', 'list', '--json'));
  assert.ok(tenants.some(({ slug }: { slug: string }) => slug === 'globex'));
});

test('tenants delete: with all that it has', async () => {
  // DeleteTenant waits 10 s for the opens of other processes, by the wall clock, which runs fast here.
  const began = Date.now();
  const now = () => began + (Date.now() - began) * 20;
  const other = await startTestApp({ now, elapsed: () => performance.now() });
  try {
    const there = commandsOf(other.grpcTarget);
    await there(['open', '--key', 'pk_live_00000000000000000000000000000006']);
    const { code, stdout, stderr } = await there(['tenants', 'delete', 'globex', '--yes']);
    assert.is(code, 0, stderr);
    assert.is(stdout, 'Tenant globex is deleted, with 1 conversations.\n');
    const again = await there(['tenants', 'delete', 'globex', '--yes']);
    assert.match(again.stderr, /^chatsessions: not_found: /);
  } finally {
    await other.close();
  }
});

test('flows: list, unpublish, publish', async () => {
  assert.match(
    await ok('flows', 'list', 'acme'),
    /^FLOW +STATE +INTENT +LABEL\n(.*\n)*store-hours +draft +store_hours +Opening hours\n/,
  );
  assert.match(
    await ok('flows', 'unpublish', 'acme', 'returns'),
    /^Flow returns of acme is a draft \(revision \d+\)\.\n$/,
  );
  const { flows } = JSON.parse(await ok('flows', 'list', 'acme', '--json'));
  assert.is(flows.find(({ slug }: { slug: string }) => slug === 'returns').published, false);
  assert.is(JSON.parse(await ok('flows', 'publish', 'acme', 'returns', '--json')).revision > 0, true);
  const { code, stderr } = await run(['flows', 'publish', 'acme', 'nowhere']);
  assert.is(code, 1);
  assert.match(stderr, /^chatsessions: not_found: /);
});

test('keys: create, list, rotate, disable, enable, revoke', async () => {
  const made = await ok(
    'keys',
    'create',
    'acme',
    'shop',
    '--origin',
    'https://shop.example',
    '--all-intents',
  );
  const [, publicKey = ''] = /^New widget key of acme: shop: (pk_live_[0-9a-f]{32})\n$/.exec(made) ?? [];
  assert.match(
    await ok('keys', 'list', 'acme'),
    new RegExp(`^shop +${publicKey} +enabled +- +off +all +https://shop\\.example$`, 'm'),
  );
  const rotated = await ok('keys', 'rotate', 'acme', 'shop', '--overlap', '1h');
  assert.match(
    rotated,
    new RegExp(`^New public key of acme: shop: pk_live_[0-9a-f]{32}\\n${publicKey} works until 20`),
  );
  assert.match(await ok('keys', 'disable', 'acme', 'shop'), /is disabled/);
  assert.match(await ok('keys', 'list', 'acme'), /^shop .* disabled /m);
  assert.match(await ok('keys', 'enable', 'acme', 'shop'), /is enabled/);
  assert.match(await ok('keys', 'revoke', 'acme', 'shop', '--yes'), /is revoked/);
  assert.not.match(await ok('keys', 'list', 'acme'), /^shop /m);
});

test('keys create: a name that is taken, and broken rules by their paths', async () => {
  await ok('keys', 'create', 'acme', 'twice', '--all-intents', '--origin', 'https://a.example');
  const taken = await run([
    'keys',
    'create',
    'acme',
    'twice',
    '--all-intents',
    '--origin',
    'https://a.example',
  ]);
  assert.is(taken.code, 1);
  assert.match(taken.stderr, /^chatsessions: already_exists: /);
  const broken = await run(['keys', 'create', 'acme', 'Bad', '--all-intents', '--origin', 'acme.com']);
  assert.is(broken.code, 1);
  assert.match(broken.stderr, /^chatsessions: invalid_input: [^\n]*widget_?key\.name: [^\n]*\n$/i);
});

test('keys create with identity: the secret goes to the file alone, or into the JSON', async () => {
  const out = join(await tempDir(), 'secret');
  const create = ['keys', 'create', 'acme'];
  const printed = await ok(
    ...create,
    'safe',
    '--all-intents',
    '--allow-missing-origin',
    '--identity',
    'required',
    '--out',
    out,
  );
  const { identitySecret } = JSON.parse(await readFile(out, 'utf8'));
  assert.match(identitySecret, /^[\w-]{43}$/);
  assert.not.match(printed, identitySecret);
  const json = await ok(
    ...create,
    'safer',
    '--all-intents',
    '--allow-missing-origin',
    '--identity',
    'optional',
    '--json',
  );
  assert.match(JSON.parse(json).identitySecret, /^[\w-]{43}$/);
  for (const line of app.logged()) assert.not(line.includes(identitySecret));
});

test('explain: allowed is exit code 0; refused is 1, and says what to do', async () => {
  const allowed = await ok('explain', '--key', KEY, '--origin', 'https://acme.com');
  assert.match(allowed, /^The open would be allowed \(tenant acme\)\.\n/);
  assert.match(allowed, /\n {2}yes origin /);
  assert.match(allowed, /\nIntents:\n/);
  const refused = await run(['explain', '--key', KEY, '--origin', 'https://evil.example']);
  assert.is(refused.code, 1);
  assert.match(refused.stdout, /^The open would be refused: origin_not_allowed \(tenant acme\)\.\n/);
  assert.match(refused.stdout, /\n {2}no {2}origin /);
  const json = await run(['explain', '--key', KEY, '--json']);
  assert.is(JSON.parse(json.stdout).allowed, false);
});

test('keys origins: what a key in report mode has let through', async () => {
  await ok(
    'keys',
    'create',
    'acme',
    'report',
    '--all-intents',
    '--report-origins',
    '--origin',
    'https://acme.com',
  );
  assert.match(await ok('keys', 'origins', 'acme', 'report'), /^ORIGIN +OPENS +FIRST +LAST +RULE TO ADD\n/);
});
