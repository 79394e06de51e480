import { readFileSync } from 'node:fs';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { describeVariables } from '../src/app/config.js';
import { repoFile } from './harness/repo-file.js';

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
