import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { suite } from '../harness/suite.js';
import { readCases } from './case.js';
import { playRow, stepsOf, transportsOf } from './row.js';
import { unaryRpcs } from './rpcs.js';

const TABLES = [
  'open-session',
  'open-session-wire',
  'open-session-retries',
  'engine-authentication',
  'get-session',
  'refresh-session',
  'refresh-session-times',
  'refresh-session-max-age',
  'end-session',
  'verify-session',
  'conversations',
  'engine-sessions',
];

/** The RPCs that some row calls. */
const tested = new Set<string>();

for (const name of TABLES) {
  const table = readCases(name);
  const test = suite(`parity: ${name}`);
  const counts = new Map<string, number>();
  let service: TestApp;
  // It stands still, but for what rows ask for: a time that they expect is the time that is answered.
  let clock = Math.ceil(Date.now() / 1000);

  test.before(async () => {
    service = await startTestApp({ ...(table.env && { env: table.env }), now: () => clock * 1000 });
  });
  test.after(async () => {
    await service.close();
    process.stdout.write(`rows by transport: ${[...counts].map(([over, n]) => `${over} ${n}`).join(', ')}\n`);
  });

  for (const row of table.cases) {
    for (const step of stepsOf(row, table)) tested.add(step.rpc ?? 'OpenSession');
    const over = transportsOf(row, table);
    if (over.length === 0) test(row.name, () => assert.unreachable('no transport carries this row'));
    for (const transport of over) {
      counts.set(transport, (counts.get(transport) ?? 0) + 1);
      test(`${row.name} [${transport}]`, () => {
        const advance = (seconds: number) => {
          clock += seconds;
        };
        return playRow(row, table, transport, { ...service, now: () => clock, advance });
      });
    }
  }
}

const whole = suite('parity: all RPCs');
for (const { name } of unaryRpcs) {
  whole(`${name} has rows`, () => assert.ok(tested.has(name)));
}
