import { randomBytes } from 'node:crypto';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { suite, tempDir } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import { exceptions } from './exceptions.js';
/** The options that the service reads and writes with. */
export const concerns = {
  writeConcern: { w: 'majority' },
  readConcern: { level: 'majority' },
  serverSelectionTimeoutMS: 5_000,
};
/** Connects to `MONGODB_URI`, or starts an embedded server where it is not set. */
export async function openServer(uri = process.env['MONGODB_URI']) {
  const embedded = uri ? undefined : await startEmbeddedMongo({ dataDir: await tempDir(), ttlSweepMs: 100 });
  const client = new MongoClient(uri || (embedded?.uri ?? ''), concerns);
  const close = async () => {
    await client.close();
    await embedded?.close();
  };
  try {
    const info = await client.db('admin').command({ buildInfo: 1 });
    return { kind: kindOf(info), version: info['version'], uri: embedded?.uri ?? uri ?? '', client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
function kindOf(info) {
  if (info['gitVersion'] === 'embedded') return 'embedded';
  return info['ferretdb'] === undefined ? 'mongodb' : 'ferretdb';
}
/** A name that no other run has. */
export function newDatabaseName() {
  return `contract_${randomBytes(8).toString('hex')}`;
}
/** A suite of the contract, on the server that `openServer` finds: it is known before the tests are declared. */
export async function contractSuite(name, options = {}) {
  const server = await openServer();
  const suiteName = `contract: ${name}`;
  const test = suite(suiteName, options);
  const names = new Set();
  test.before(() => {
    const known = exceptions.filter((exception) => exception.test.startsWith(`${suiteName} › `));
    const stale = known.filter((exception) => !names.has(exception.test));
    if (stale.length > 0)
      throw new Error(`exceptions for tests that are not there: ${JSON.stringify(stale)}`);
  });
  test.after(() => server.close());
  const declare = (testName, body, testOptions = {}) => {
    const label = `${suiteName} › ${testName}`;
    names.add(label);
    const exception = exceptions.find((one) => one.test === label && one.server === server.kind);
    if (exception) return test.skip(testName, `${server.kind} ${server.version}: ${exception.reason}`);
    const run = async () => {
      const db = server.client.db(newDatabaseName());
      try {
        await body({ ...server, db });
      } finally {
        await db.dropDatabase();
      }
    };
    test(testName, run, { timeoutMs: 20_000, ...testOptions });
  };
  return Object.assign(declare, { server, skip: test.skip });
}
/** What a promise is rejected with. */
export async function refusal(body) {
  try {
    await body;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
/** The code of a server's error; undefined for what is none. */
export function codeOf(error) {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
//# sourceMappingURL=server.js.map
