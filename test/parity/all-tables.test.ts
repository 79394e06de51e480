import { readdirSync } from 'node:fs';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { readCases } from './case.js';
import { stepsOf } from './row.js';
import { unaryRpcs } from './rpcs.js';
import { TABLES } from './tables.js';

const test = suite('parity: all tables');
const names = Object.values(TABLES).flat();

test('every table of test/cases is played', () => {
  const files = readdirSync(repoFile('test/cases')).filter((file) => file.endsWith('.json'));
  assert.equal(files.sort(), names.map((name) => `${name}.json`).sort());
});

const called = new Set(
  names.flatMap((name) => {
    const table = readCases(name);
    return table.cases.flatMap((row) => stepsOf(row, table).map(({ rpc }) => rpc ?? 'OpenSession'));
  }),
);
for (const { name } of unaryRpcs) {
  test(`${name} has rows`, () => assert.ok(called.has(name)));
}
