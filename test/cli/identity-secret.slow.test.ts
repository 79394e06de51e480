import { once } from 'node:events';
import { createServer } from 'node:net';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';
import { SEED_FILE } from '../sessions/site.js';

const test = suite('identity secrets on the command line');
const UUID = '[0-9a-f]{8}-[0-9a-f-]{27}';
const SHOWN = new RegExp(
  'New identity secret of acme: (\\w+)\\. It is not shown again: .*\\n' +
    `  HS256 secret, as it is   [\\w-]{43}\\n  aud of the tokens        ${UUID}\\n`,
  'g',
);

const labels = (service: ServiceProcess) =>
  [...service.stdout().matchAll(SHOWN)].map(([, label]) => label).sort();

test('a secret is printed once, with its key, and never logged', async () => {
  const env = { DATA_DIR: await tempDir(), SEED_FILE, LOG_LEVEL: 'trace' };
  for (const expected of [['Optional', 'Required'], []]) {
    const service = await startService(env);
    await httpUrlOf(service);
    service.child.kill('SIGTERM');
    assert.is(await service.exited, 0, service.stderr());
    assert.equal(labels(service), expected);
    assert.is(service.stdout().includes('identity secret'), expected.length > 0);
    for (const [secret] of service.stdout().matchAll(/[\w-]{43}\n/g))
      assert.not(service.stderr().includes(secret.trim()));
  }
});

test('a secret is printed by a start that fails after it was made', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const service = await startService({
    DATA_DIR: await tempDir(),
    SEED_FILE,
    HTTP_ADDR: `127.0.0.1:${port}`,
  });
  assert.is(await service.exited, 1);
  taken.close();
  assert.equal(labels(service), ['Optional', 'Required']);
  assert.match(service.stderr(), /another program has it already/);
});
