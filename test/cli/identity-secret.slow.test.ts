import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { httpUrlOf, startService } from '../harness/service-process.js';

const test = suite('identity secrets of a start');

/** Writes a tenant file whose keys `optional` and `required` get secrets. */
async function seedFile(): Promise<string> {
  const keys = ['off', 'optional', 'required'].map((mode) => {
    return `      - {name: ${mode}, allowedOrigins: ["https://acme.com"], allowsAllIntents: true, identity: ${mode}}\n`;
  });
  const file = join(await tempDir(), 'seed.yaml');
  writeFileSync(file, `tenants:\n  - slug: acme\n    name: Acme\n    widgetKeys:\n${keys.join('')}`);
  return file;
}

/** The secrets in the file of a data folder. */
function secretsIn(dataDir: string): { readonly name: string; readonly identitySecret: string }[] {
  const file = join(dataDir, 'new-identity-secrets.jsonl');
  if (!existsSync(file)) return [];
  assert.is(statSync(file).mode & 0o777, 0o600);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('a secret is written once, to a file for its owner, and neither printed nor logged', async () => {
  const env = { DATA_DIR: await tempDir(), SEED_FILE: await seedFile(), LOG_LEVEL: 'trace' };
  for (const isFirst of [true, false]) {
    const service = await startService(env);
    await httpUrlOf(service);
    service.child.kill('SIGTERM');
    assert.is(await service.exited, 0, service.stderr());
    const secrets = secretsIn(env.DATA_DIR);
    assert.equal(secrets.map(({ name }) => name).sort(), ['optional', 'required']);
    const output = service.stdout() + service.stderr();
    assert.is(output.includes(`in ${env.DATA_DIR}/new-identity-secrets.jsonl`), isFirst);
    for (const { identitySecret } of secrets) {
      assert.match(identitySecret, /^[\w-]{43}$/);
      assert.not(output.includes(identitySecret));
    }
  }
});

test('a start that fails after a secret was made has written it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const DATA_DIR = await tempDir();
  const service = await startService({
    DATA_DIR,
    SEED_FILE: await seedFile(),
    HTTP_ADDR: `127.0.0.1:${port}`,
  });
  assert.is(await service.exited, 1);
  taken.close();
  assert.is(secretsIn(DATA_DIR).length, 2);
  assert.match(service.stderr(), /another program has it already/);
});
