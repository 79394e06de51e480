import { exec } from 'node:child_process';
import { promisify } from 'node:util';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { repoFile } from '../harness/repo-file.js';

const test = suite('command line: a closed output');
const KEY = 'pk_live_00000000000000000000000000000001';

let app: TestApp;
test.before(async () => {
  app = await startTestApp();
});
test.after(() => app.close());

test('| head: what is read is there, and no error', async () => {
  // More than the 64 KiB that a pipe holds: the command writes on after head has gone.
  const opens = Array.from({ length: 200 }, () => openOverHttp());
  for (const response of await Promise.all(opens)) assert.is(response.status, 200);
  const main = `node ${repoFile('dist/src/main.js')}`;
  const script = `set -o pipefail; ${main} conversations export acme --customer-id u-1 --json | head -n 1`;
  const env = { ...process.env, CHATSESSIONS_ADDR: app.grpcTarget };
  const { stdout, stderr } = await promisify(exec)(script, { env, shell: '/bin/bash' });
  assert.is(JSON.parse(stdout).customerId, 'u-1');
  assert.is(stderr, '');
});

test('a watch whose reader goes away ends', async () => {
  const main = `node ${repoFile('dist/src/main.js')}`;
  const env = { ...process.env, CHATSESSIONS_ADDR: app.grpcTarget };
  const watching = promisify(exec)(`${main} watch acme --json | head -n 1`, { env, shell: '/bin/bash' });
  let isOver = false;
  void watching.finally(() => {
    isOver = true;
  });
  while (!isOver) await openOverHttp();
  const { stdout } = await watching;
  assert.is(JSON.parse(stdout).kind, 'KIND_OPENED');
});

function openOverHttp(): Promise<Response> {
  return fetch(`${app.httpUrl}/api/public/v1/chat/sessions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: 'https://acme.com' },
    body: JSON.stringify({ publicKey: KEY, customerId: 'u-1', variables: { note: 'x'.repeat(500) } }),
  });
}
