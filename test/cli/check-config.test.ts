import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { describeVariables } from '../../src/app/config.js';
import { runCommand } from './run-command.js';

const test = suite('check-config');
const SECRET = Buffer.alloc(32, 7).toString('base64');

test('each variable, with its value and where it comes from; secrets are masked', async () => {
  const env = {
    SESSION_SIGNING_KEYS: `a:${SECRET},b:${SECRET.replace('B', 'C')}`,
    ENGINE_API_TOKENS: 'shop:cse_0123456789abcdef',
    MONGODB_URI: 'mongodb://me:hunter2@db.internal/?replicaSet=rs',
    SESSION_TTL: '15m',
  };
  const { code, stdout, stderr } = await runCommand(['check-config'], { env });
  assert.is(code, 0, stderr);
  for (const [name] of describeVariables()) assert.match(stdout, new RegExp(`^${name} `, 'm'));
  assert.match(stdout, /^SESSION_SIGNING_KEYS +a:\*\*\*,b:\*\*\* +environment$/m);
  assert.match(stdout, /^ENGINE_API_TOKENS +shop:\*\*\* +environment$/m);
  assert.match(stdout, /^MONGODB_URI +mongodb:\/\/\*\*\*@db\.internal\/\?replicaSet=rs +environment$/m);
  assert.match(stdout, /^SESSION_TTL +15m +environment$/m);
  assert.match(stdout, /^RETENTION +90d +default$/m);
  assert.match(stdout, /^HTTP_ADDR +127\.0\.0\.1:8080 +default$/m);
  for (const secret of [SECRET, 'cse_', 'hunter2']) assert.not.match(stdout, secret);
});

test('secrets of files and the database of MONGODB_URI: from where they come', async () => {
  const folder = await tempDir();
  const [uri, keys] = [join(folder, 'uri'), join(folder, 'keys')];
  await writeFile(uri, 'mongodb://me:hun@ter2@db.internal/shop?tlsCertificateKeyFilePassword=hunter3\n');
  await writeFile(keys, `a:${SECRET}\n`);
  const env = { MONGODB_URI_FILE: uri, SESSION_SIGNING_KEYS_FILE: keys };
  const { code, stdout, stderr } = await runCommand(['check-config'], { env });
  assert.is(code, 0, stderr);
  assert.match(stdout, /^MONGODB_URI +mongodb:\/\/\*\*\*@db\.internal\/shop\?\S+=\*\*\* +MONGODB_URI_FILE$/m);
  assert.match(stdout, new RegExp(`^MONGODB_URI_FILE +${uri} +environment$`, 'm'));
  assert.match(stdout, /^MONGODB_DB +shop +MONGODB_URI$/m);
  assert.match(stdout, /^SESSION_SIGNING_KEYS +a:\*\*\* +SESSION_SIGNING_KEYS_FILE$/m);
  for (const secret of [SECRET, 'ter2', 'hunter3']) assert.not.match(stdout, secret);
});

test('a secret in a wrong place is masked', async () => {
  const env = { SESSION_SIGNING_KEYS_FILE: `a:${SECRET}`, MONGODB_URI: 'me:hunter2@db.internal' };
  const { code, stdout, stderr } = await runCommand(['check-config'], { env });
  assert.is(code, 1);
  for (const secret of [SECRET, 'hunter2']) assert.not.match(stdout + stderr, secret);
});

test('all problems, without secrets, and exit code 1', async () => {
  const env = {
    SESSION_TTL: 'x',
    LOG_LEVEL: 'loud',
    ENGINE_API_TOKENS: 'a-short-one',
    NODE_ENV: 'production',
  };
  const { code, stdout, stderr } = await runCommand(['check-config'], { env });
  assert.is(code, 1);
  assert.match(stdout, /^HTTP_ADDR +0\.0\.0\.0:8080 +default$/m);
  for (const name of ['SESSION_TTL', 'LOG_LEVEL', 'ENGINE_API_TOKENS', 'MONGODB_URI', 'SESSION_SIGNING_KEYS'])
    assert.match(stderr, new RegExp(`^chatsessions: ${name} `, 'm'));
  assert.not.match(stdout + stderr, 'a-short-one');
  const json = JSON.parse((await runCommand(['check-config', '--json'], { env })).stdout);
  assert.is(json.problems.length, stderr.trim().split('\n').length);
});

test('the files that are named are read: faults of all of them', async () => {
  const folder = await tempDir();
  const [seed, callers] = [join(folder, 'seed.yaml'), join(folder, 'callers.yaml')];
  await writeFile(seed, 'tenants:\n  - slug: Acme\n    name: Acme\n');
  await writeFile(callers, 'callers: []\n');
  const { code, stderr } = await runCommand(['check-config'], {
    env: { SEED_FILE: seed, ENGINE_CALLERS_FILE: callers },
  });
  assert.is(code, 1);
  assert.match(stderr, /seed\.yaml:2:11 tenants\[0\]\.slug: must be/);
  assert.match(stderr, /callers\.yaml:1:/);
});
