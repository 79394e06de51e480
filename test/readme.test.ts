import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { isInstalled, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { describeVariables } from '../src/app/config.js';
import { blocksOf, withoutIds } from './harness/markdown.js';
import { repoFile } from './harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from './harness/service-process.js';

const test = suite('README');
const readme = readFileSync(repoFile('README.md'), 'utf8');

for (const [name] of describeVariables()) {
  test(`its table has ${name}`, () => {
    assert.match(readme, new RegExp(`^\\| .*\`${name}\`.* \\|`, 'm'));
  });
}

test('its table has no variable that there is not', () => {
  const known = new Set(describeVariables().map(([name]) => name));
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z_]+`/.test(line));
  const named = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name = '']) => name),
  );
  assert.equal(
    named.filter((name) => !known.has(name)),
    [],
  );
});

const samples = suite('README: its samples are what the commands print');
let service: ServiceProcess;

samples.before(async () => {
  service = await startService();
});
samples.after(async () => {
  service.child.kill('SIGTERM');
  await service.exited;
});

/** What the block of README that begins with this command prints, run against the service of this test. */
async function printed(command: string): Promise<string> {
  const [, grpcTarget = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
  const line = blocksOf('README.md', 'sh').find((block) => block.startsWith(command)) ?? '';
  const here = line
    .replace('http://127.0.0.1:8080', await httpUrlOf(service))
    .replace('127.0.0.1:50051', grpcTarget);
  // grpcurl writes an error to standard error, and fails.
  const { stdout } = await promisify(execFile)('bash', ['-c', `(${here}) 2>&1 || true`], {
    cwd: repoFile('.'),
  });
  return stdout;
}

for (const command of ['curl', 'grpcurl']) {
  if (!isInstalled(command)) samples.skip(command, `${command} is not on the PATH`);
  else if (command === 'curl') samples(command, curlSample);
  else samples(command, grpcurlSample);
}

async function curlSample(): Promise<void> {
  const answer: unknown = JSON.parse(await printed('curl'));
  const [sample = ''] = blocksOf('README.md', 'json');
  // Five more of both are left out there.
  const shortened = JSON.stringify(answer, (name, value: unknown) => {
    if (name !== 'intents' && name !== 'quickQuestions') return value;
    assert.ok(Array.isArray(value) && value.length === 6, name);
    return value.slice(0, 1);
  });
  assert.is(withoutIds(shortened), withoutIds(JSON.stringify(JSON.parse(sample))));
}

async function grpcurlSample(): Promise<void> {
  const sample = blocksOf('README.md', '').find((block) => block.startsWith('ERROR:')) ?? '';
  // README sets the JSON in fewer lines, and cuts a sentence with an ellipsis.
  const squeezed = (text: string) => text.replaceAll(/\s/g, '');
  const parts = squeezed(sample).split('…');
  let rest = squeezed(await printed('grpcurl'));
  for (const [index, part] of parts.entries()) {
    const place = rest.indexOf(part);
    assert.ok(index === 0 ? place === 0 : place >= 0, `README has ${part}\nwhere grpcurl prints ${rest}`);
    rest = rest.slice(place + part.length);
  }
  assert.is(rest, '');
}
