import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp } from '../harness/app.js';
import { commandsOf, runCommand } from './run-command.js';

const test = suite('backup');
const KEY = 'pk_live_00000000000000000000000000000001';

test('of a running service: a service on the copy knows its sessions', async () => {
  const [DATA_DIR, parent] = [await tempDir(), await tempDir()];
  const target = join(parent, 'monday');
  // Without SESSION_SIGNING_KEYS the service makes a key, which belongs to the backup.
  const env = { DATA_DIR, SESSION_SIGNING_KEYS: '', MONGODB_URI: '', MONGODB_DB: 'chatsessions' };
  const app = await startTestApp({ env });
  const opened = await commandsOf(app.grpcTarget)(['open', '--key', KEY, '--json']);
  const { code, stdout, stderr } = await runCommand(['backup', target], { env: { DATA_DIR } });
  assert.is(code, 0, stderr);
  assert.match(stdout, `Copied to ${target}: the data, session-signing-key.`);
  assert.is((await commandsOf(app.grpcTarget)(['open', '--key', KEY])).code, 0, 'the service goes on');
  await app.close();

  assert.equal(readdirSync(target).sort(), ['embedded', 'session-signing-key']);
  assert.is(statSync(target).mode & 0o777, 0o700);
  assert.is(statSync(join(target, 'session-signing-key')).mode & 0o777, 0o600);
  const copy = await startTestApp({ env: { ...env, DATA_DIR: target } });
  const { sessionToken } = JSON.parse(opened.stdout);
  const verified = await commandsOf(copy.grpcTarget)(['verify'], { stdin: sessionToken });
  await copy.close();
  assert.is(verified.code, 0, verified.stderr);
});

test('refusals: no data, and a folder that is not empty', async () => {
  const DATA_DIR = await tempDir();
  const nothing = await runCommand(['backup', join(DATA_DIR, 'copy')], {
    env: { DATA_DIR: await tempDir() },
  });
  assert.is(nothing.code, 1);
  assert.match(nothing.stderr, /^chatsessions: There is no data in [^\n]+\n$/);
  const full = await runCommand(['backup', DATA_DIR], { env: { DATA_DIR } });
  assert.is(full.code, 1);
  assert.match(full.stderr, /is not empty/);
});
