import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { httpUrlOf, startService } from '../harness/service-process.js';

const test = suite('what a start says of its tenant file');

const file = (keys: readonly string[], intent = 'returns') => `tenants:
  - slug: acme
    name: Acme
    flows:
      - {slug: returns, published: true, intent: {name: returns, displayLabel: Returns}}
    widgetKeys:
${keys.map((name) => `      - {name: ${name}, allowedOrigins: ["https://acme.com"], allowedIntents: [${intent}]}\n`).join('')}`;

test('new keys, keys that the file no longer names, and what may not be meant', async () => {
  const DATA_DIR = await tempDir();
  const SEED_FILE = join(await tempDir(), 'seed.yaml');
  const banner = async (yaml: string) => {
    await writeFile(SEED_FILE, yaml);
    const service = await startService({ DATA_DIR, SEED_FILE });
    await httpUrlOf(service);
    service.child.kill('SIGTERM');
    assert.is(await service.exited, 0, service.stderr());
    return service.stdout();
  };
  assert.match(await banner(file(['web', 'app'])), /\n {2}new widget key +acme: web pk_live_[0-9a-f]{32}\n/);
  const second = await banner(file(['web'], 'refunds'));
  assert.match(
    second,
    /\n {2}tenant file +acme: the widget key app is not in the file, and works on \(apply --prune disables it\)\n/,
  );
  assert.match(second, /\n {2}tenant file +acme: [^\n]*refunds/);
  assert.not.match(second, 'new widget key');
  assert.match(
    await banner(file(['web'], 'refunds')),
    /\n {2}tenant file +acme: as last applied; changes [^\n]* stay\n/,
  );
});
