import { readdirSync } from 'node:fs';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { readTable } from './read-table.js';
import { stepsOf } from './row.js';
import { unaryRpcs } from './rpcs.js';
import { TABLES } from './tables.js';

const test = suite('parity: all tables');
const names = Object.values(TABLES).flat();

test('every table of test/cases is played', () => {
  // Other files are what the service of a table reads.
  const isTable = (file: string) => /^(?!engine-callers)[^.]+\.yaml$/.test(file);
  assert.equal(
    readdirSync(repoFile('test/cases')).filter(isTable).sort(),
    names.map((name) => `${name}.yaml`).sort(),
  );
});

const called = new Set(
  names.flatMap((name) => {
    const table = readTable(name);
    return table.cases.flatMap((row) => stepsOf(row, table).map(({ rpc }) => rpc ?? 'OpenSession'));
  }),
);
for (const { name } of unaryRpcs) {
  test(`${name} has rows`, () => assert.ok(called.has(name)));
}
