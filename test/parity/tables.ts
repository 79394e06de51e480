import { suite } from '@chatsessions/test-harness';
import { Client, credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { readTable } from './read-table.js';
import { playRow, transportsOf } from './row.js';

/** The parity tables by the test file that plays them: files run beside each other. */
export const TABLES = {
  opens: [
    'open-session',
    'open-session-wire',
    'open-session-retries',
    'engine-fields',
    'continue-latest',
    'engine-authentication',
    'locales',
  ],
  sessions: ['get-session', 'end-session', 'engine-sessions', 'http'],
  refreshes: ['refresh-session', 'refresh-session-times', 'refresh-session-max-age'],
  conversations: ['verify-session', 'conversations'],
  explains: ['explain-open', 'explain-open-rights', 'origins'],
  catalogChanges: ['catalog', 'catalog-flows', 'catalog-keys'],
} as const;

/** Makes a suite of each table, with a test for each of its rows and each transport that carries it. */
export function playTables(names: readonly string[]): void {
  for (const name of names) playTable(name);
}

function playTable(name: string): void {
  const table = readTable(name);
  const test = suite(`parity: ${name}`, { fileTimeoutMs: 300_000 });
  const counts = new Map<string, number>();
  let service: TestApp;
  let grpcClient: Client;
  // Stands still unless a row moves it, so that rows can expect exact times.
  let clock = Math.ceil(Date.now() / 1000);
  const advance = (seconds: number) => {
    clock += seconds;
  };

  test.before(async () => {
    service = await startTestApp({ ...(table.env && { env: table.env }), now: () => clock * 1000 });
    grpcClient = new Client(service.grpcTarget, credentials.createInsecure());
  });
  test.after(async () => {
    grpcClient.close();
    await service.close();
    process.stdout.write(`rows by transport: ${[...counts].map(([over, n]) => `${over} ${n}`).join(', ')}\n`);
  });

  for (const row of table.cases) {
    const over = transportsOf(row, table);
    if (over.length === 0) test(row.name, () => assert.unreachable('no transport carries this row'));
    for (const transport of over) {
      counts.set(transport, (counts.get(transport) ?? 0) + 1);
      test(`${row.name} [${transport}]`, () =>
        playRow(row, table, transport, { ...service, grpcClient, now: () => clock, advance }));
    }
  }
}
