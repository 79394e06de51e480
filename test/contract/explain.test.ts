import type { CommandStartedEvent, Document } from 'mongodb';
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { type Database, openDatabase } from '../../src/mongo/database.js';
import { mongoCatalog } from '../../src/mongo/mongo-catalog.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { mongoOriginReports } from '../../src/mongo/mongo-origin-reports.js';
import { isFullScan, scansOf } from './plan.js';
import { newConversation, newKey, newSecret, newTenant } from './rows.js';
import { concerns, contractSuite, newDatabaseName } from './server.js';
import { inserts, queries, type Rows } from './store-calls.js';

const test = await contractSuite('reads do not scan', { fileTimeoutMs: 180_000 });

if (test.server.kind === 'embedded') {
  const reason =
    'explain is no command of the embedded server; packages/embedded-mongo/test/planner.test.ts tests its planner';
  test.skip(`the plans of ${Object.keys(queries).join(', ')}`, reason);
} else {
  for (const [name, { index, run }] of Object.entries(queries))
    test(name, () => usesIndex(run, index), { timeoutMs: 60_000 });
  test('a query without an index is seen to scan', () =>
    watched(async (rows, commands) => {
      await rows.database.conversations.find({ locale: 'en' }).toArray();
      const [command] = commands();
      assert.ok(command);
      const scans = scansOf(await explain(rows.database, command));
      assert.ok(scans.some(isFullScan), JSON.stringify(scans));
    }));
}

test('every method of the stores is in the list', ({ uri, db }) =>
  openDatabase(uri, db.databaseName).then(async (database) => {
    const stores = {
      ...mongoCatalog(database),
      ...mongoOriginReports(database),
      ...mongoConversations(database, Date.now),
    };
    await database.close();
    const methods = new Set(Object.keys(queries).map((name) => name.replace(/,.*/, '')));
    assert.equal(Object.keys(stores).sort(), [...methods, ...inserts].sort());
  }));

/**
 * Runs a query, catches what the driver sends for it, and has each command explained: of several, each with its index.
 */
function usesIndex(run: (rows: Rows) => Promise<unknown>, index: string | readonly string[]): Promise<void> {
  return watched(async (rows, commands) => {
    await run(rows);
    const looking = commands();
    assert.ok(looking.length > 0, 'it looked nothing up');
    for (const [at, command] of looking.entries()) {
      const scans = scansOf(await explain(rows.database, command));
      const shown = JSON.stringify({ command, scans });
      assert.ok(scans.length > 0, shown);
      for (const scan of scans) {
        assert.is(scan.index, typeof index === 'string' ? index : index[at], shown);
        assert.not(isFullScan(scan), shown);
      }
    }
  });
}

/** The answer of `explain` to a find. */
function explain({ db }: Database, command: Document): Promise<Document> {
  return db.command({ explain: command, verbosity: 'queryPlanner' });
}

/** The look-ups in a command, each as a find. */
function lookups({ command }: CommandStartedEvent): Document[] {
  const { find, filter, sort, projection, limit, update, updates } = command;
  if (find) {
    return [
      { find, filter, ...(sort && { sort }), ...(projection && { projection }), ...(limit && { limit }) },
    ];
  }
  const statements: Document[] = command['delete'] ? command['deletes'] : update ? updates : [];
  if (statements.length > 0)
    return statements.map(({ q }) => ({ find: update ?? command['delete'], filter: q }));
  return [];
}

/** Gives `body` a database with some rows, and the look-ups that the driver has sent since. */
async function watched(
  body: (rows: Rows, commands: () => readonly Document[]) => Promise<void>,
): Promise<void> {
  const name = newDatabaseName();
  const { uri } = test.server;
  await (await openDatabase(uri, name)).close();
  const client = new MongoClient(uri, { ...concerns, ignoreUndefined: true, monitorCommands: true });
  try {
    const db = client.db(name);
    const database: Database = {
      db,
      tenants: db.collection('tenants'),
      widgetKeys: db.collection('widget_keys'),
      identitySecrets: db.collection('identity_secrets'),
      catalogChanges: db.collection('catalog_changes'),
      originReports: db.collection('origin_reports'),
      conversations: db.collection('conversations'),
      audit: db.collection('audit'),
      close: () => client.close(),
    };
    const catalog = mongoCatalog(database);
    const originReports = mongoOriginReports(database);
    const conversations = mongoConversations(database, Date.now);
    const conversation = newConversation({ customerId: 'u-7' });
    const rows = { tenant: newTenant(), key: newKey(), secret: newSecret(), conversation };
    await Promise.all([catalog.insertTenant(rows.tenant), catalog.insertKey(rows.key)]);
    for (const secret of [rows.secret, newSecret(), newSecret()]) await catalog.insertIdentitySecret(secret);
    for (let i = 0; i < 20; i++)
      await Promise.all([catalog.insertTenant(newTenant()), catalog.insertKey(newKey())]);
    const many = Array.from({ length: 300 }, (_, i) => newConversation({ customerId: `u-${i % 9}` }));
    await Promise.all([rows.conversation, ...many].map((one) => conversations.insert(one)));
    const events: CommandStartedEvent[] = [];
    client.on('commandStarted', (event) => events.push(event));
    await body({ ...rows, database, catalog, originReports, conversations }, () => events.flatMap(lookups));
  } finally {
    await client.db(name).dropDatabase();
    await client.close();
  }
}
