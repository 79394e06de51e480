import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { commandsOf, type Ran, type RunOptions, runCommand } from './run-command.js';

const test = suite('command line: apply and export');

const shop = (slug: string, { label = 'Returns', keys = ['web'], identity = 'off' } = {}) => `tenants:
  - slug: ${slug}
    name: The shop ${slug}
    flows:
      - {slug: returns, published: true, intent: {name: returns, displayLabel: ${label}}}
    widgetKeys:
${keys.map((name) => `      - {name: ${name}, allowedOrigins: ["https://${slug}.example"], allowsAllIntents: true, identity: ${identity}}`).join('\n')}
`;

let app: TestApp;
let run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
test.before(async () => {
  app = await startTestApp();
  run = commandsOf(app.grpcTarget);
});
test.after(() => app.close());

const apply = (yaml: string, args: readonly string[] = [], options: RunOptions = {}) =>
  run(['apply', '-f', '-', ...args], { stdin: yaml, ...options });

test('a dry run writes nothing; a change is a diff; applying again changes nothing', async () => {
  const dry = await apply(shop('shoes'), ['--dry-run']);
  assert.is(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^shoes revision \d+\n( {2}\+ .*\n)+/);
  assert.match(dry.stdout, /1 tenant: 1 would change, 0 as they are\.\n$/);
  assert.match((await run(['export', 'shoes'])).stderr, /^chatsessions: not_found: /);

  const first = await apply(shop('shoes'));
  assert.is(first.code, 0, first.stderr);
  assert.match(first.stdout, /new public key of web: pk_live_[0-9a-f]{32}\n/);
  assert.match(
    (await apply(shop('shoes'))).stdout,
    /^shoes revision 1: no changes\n1 tenant: 0 changed, 1 as they are\.\n$/,
  );
  const changed = await apply(shop('shoes', { label: 'Send it back' }));
  assert.match(
    changed.stdout,
    /\n {2}~ flows\.returns\.intent\.displayLabel {2}"Returns" → "Send it back"\n/,
  );
});

test('a terminal gets colours and a progress bar, with NO_COLOR no colours', async () => {
  const coloured = await apply(shop('hats'), ['--dry-run'], { isTerminal: true });
  assert.match(coloured.stdout, '\u001b[32m+ ');
  assert.match(coloured.stderr, /Comparing \[=+\] 1\/1/);
  const plain = await apply(shop('hats'), ['--dry-run'], { isTerminal: true, env: { NO_COLOR: '1' } });
  assert.not.match(plain.stdout, '\u001b');
});

test('a key that the file no longer names is kept and said, and disabled with --prune', async () => {
  await apply(shop('bags', { keys: ['web', 'app'] }));
  const kept = await apply(shop('bags'));
  assert.match(kept.stdout, /\n {2}= widgetKeys\.app {2}kept as it is: not in the file/);
  assert.match(kept.stdout, /1 tenant: 0 changed/);
  const pruned = await apply(shop('bags'), ['--prune']);
  assert.match(pruned.stdout, /\n {2}! widgetKeys\.app {2}disabled/);
});

test('export is a file that changes nothing when it is applied', async () => {
  const { code, stdout } = await run(['export', 'acme']);
  assert.is(code, 0);
  assert.match(stdout, /^tenants:\n {2}- slug: acme\n/);
  const again = await apply(stdout);
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stdout, /^acme revision \d+: no changes\n/);
});

test('several documents: lines of JSON, one for each tenant, in their order', async () => {
  const slugs = Array.from({ length: 30 }, (_, n) => `many-${n}`);
  const yaml = slugs.map((slug) => shop(slug)).join('---\n');
  const { code, stdout, stderr } = await apply(yaml, ['--json']);
  assert.is(code, 0, stderr);
  assert.equal(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).tenant),
    slugs,
  );
  assert.is((await apply(yaml)).stdout, '30 tenants: 0 changed, 30 as they are.\n');
});

test('a broken file: all faults of the document, by line, and nothing is written', async () => {
  const { code, stdout, stderr } = await apply(
    `${shop('first')}---\n${shop('Second', { keys: ['web', 'web'] })}`,
  );
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(stderr, /^chatsessions: standard input:10:11 tenants\[0\]\.slug: must be 1 to 63 [^\n]+\n/);
  assert.ok(stderr.trim().split('\n').length >= 2, stderr);
  assert.match((await run(['export', 'first'])).stderr, /not_found/);
});

const REFUSED: readonly (readonly [name: string, yaml: string, complaint: RegExp])[] = [
  ['an empty file', '', /the file is empty/],
  ['a syntax fault', 'tenants: [\n', /standard input:\d+:\d+ /],
  [
    'a tenant twice',
    `${shop('twice')}---\n${shop('twice')}`,
    /:8: tenant twice is in standard input:1 already/,
  ],
];
for (const [name, yaml, complaint] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const { code, stderr } = await runCommand(['apply', '-f', '-'], { stdin: yaml });
    assert.is(code, 1);
    assert.match(stderr, complaint);
  });
}

test('the first refusal stops it, and says what was done', async () => {
  const taken = shop('thief').replace(
    '{name: web',
    '{name: web, publicKey: pk_live_00000000000000000000000000000001',
  );
  const yaml = [shop('before'), taken, ...Array.from({ length: 20 }, (_, n) => shop(`after-${n}`))].join(
    '---\n',
  );
  const { code, stderr } = await apply(yaml, ['--concurrency', '2']);
  assert.is(code, 1);
  assert.match(
    stderr,
    /^chatsessions: already_exists: tenant thief: [^\n]+ of 22 done: apply again to go on\)\n$/,
  );
  assert.is((await run(['export', 'before'])).code, 0);
  assert.is((await run(['export', 'after-19'])).code, 1);
});

test('an expected revision that is not there', async () => {
  await apply(shop('rev'));
  const { code, stderr } = await apply(shop('rev', { label: 'New' }), ['--expected-revision', '7']);
  assert.is(code, 1);
  assert.match(stderr, /^chatsessions: revision_mismatch: /);
});

test('identity secrets: on a terminal, or in a new file for its owner; never without a place', async () => {
  const out = join(await tempDir(), 'secrets');
  const yaml = shop('safe', { identity: 'required' });
  const nowhere = await apply(yaml);
  assert.is(nowhere.code, 2);
  assert.match(nowhere.stderr, /say --out FILE/);
  const filed = await apply(yaml, ['--out', out]);
  assert.is(filed.code, 0, filed.stderr);
  const secret = JSON.parse(await readFile(out, 'utf8'));
  assert.equal([secret.tenant, secret.name], ['safe', 'web']);
  assert.match(secret.identitySecret, /^[\w-]{43}$/);
  assert.not.match(filed.stdout + filed.stderr, secret.identitySecret);
  assert.is((await stat(out)).mode & 0o777, 0o600);
  const again = await apply(yaml, ['--out', out]);
  assert.is(again.code, 1);
  assert.match(again.stderr, /is there already, and is not overwritten/);

  const shown = await apply(shop('seen', { identity: 'required' }), [], {
    isTerminal: true,
    env: { NO_COLOR: '1' },
  });
  assert.match(
    shown.stdout,
    /New identity secret of seen: web\. It is not shown again[^\n]+\n {2}HS256 secret, as it is {3}[\w-]{43}\n/,
  );
  for (const line of app.logged()) assert.not(line.includes(secret.identitySecret));
});

test('an --out file that no secret needs is removed', async () => {
  const out = join(await tempDir(), 'secrets');
  assert.is((await apply(shop('none'), ['--out', out])).code, 0);
  assert.is(await stat(out).catch(() => 'gone'), 'gone');
});

test('several files', async () => {
  const folder = await tempDir();
  const [a, b] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
  await writeFile(a, shop('file-a'));
  await writeFile(b, shop('file-b'));
  const { code, stdout } = await run(['apply', '-f', a, '-f', b]);
  assert.is(code, 0);
  assert.match(stdout, /\n2 tenants: 2 changed, 0 as they are\.\n$/);
});

test('interrupted: what is in flight is finished and its secrets are kept; nothing else is begun', async () => {
  const out = join(await tempDir(), 'secrets');
  const stop = new AbortController();
  const yaml = Array.from({ length: 40 }, (_, n) => shop(`late-${n}`, { identity: 'required' })).join(
    '---\n',
  );
  const { code, stdout, stderr } = await apply(yaml, ['--json', '--out', out, '--concurrency', '4'], {
    signal: stop.signal,
    onLine: () => stop.abort(),
  });
  assert.is(code, 1);
  const done = stdout.trim().split('\n').length;
  assert.ok(done < 10, `${done} applied`);
  assert.is((await readFile(out, 'utf8')).trim().split('\n').length, done);
  assert.match(stderr, new RegExp(`interrupted \\(${done} of 40 done: apply again to go on\\)`));
});
