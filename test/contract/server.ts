import { randomBytes } from 'node:crypto';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import {
  type ServerKind,
  type Suite,
  type SuiteOptions,
  serverKind,
  suite,
  type TestOptions,
  tempDir,
} from '@chatsessions/test-harness';
import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { exceptions } from './exceptions.js';

/** A server under test. */
export interface Server {
  readonly kind: ServerKind;
  /** The version that it says it has. */
  readonly version: string;
  readonly uri: string;
  /** Acknowledged by a majority, as the service has it. */
  readonly client: MongoClient;
  close(): Promise<void>;
}

/** A document of any shape, with any `_id`. */
export interface Doc {
  _id?: string | number | object;
  [field: string]: unknown;
}

/** What a test of the contract is given. */
export interface At extends Server {
  /** A database of its own, dropped after the test. */
  readonly db: Db;
}

/** The options that the service reads and writes with. */
export const concerns = {
  writeConcern: { w: 'majority' },
  readConcern: { level: 'majority' },
  serverSelectionTimeoutMS: 5_000,
} satisfies MongoClientOptions;

/** Connects to `MONGODB_URI`, or starts an embedded server where it is not set. */
export async function openServer(uri = process.env['MONGODB_URI']): Promise<Server> {
  const embedded = uri ? undefined : await startEmbeddedMongo({ dataDir: await tempDir(), ttlSweepMs: 100 });
  const client = new MongoClient(uri || (embedded?.uri ?? ''), concerns);
  const close = async () => {
    await client.close();
    await embedded?.close();
  };
  try {
    return { ...(await serverKind(client)), uri: embedded?.uri ?? uri ?? '', client, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A name that no other run has. */
export function newDatabaseName(): string {
  return `contract_${randomBytes(8).toString('hex')}`;
}

/** Declares the tests of one part of the contract. */
export interface ContractSuite {
  (name: string, body: (at: At) => Promise<void>, options?: TestOptions): void;
  readonly server: Server;
  skip: Suite['skip'];
}

/** A suite of the contract, on the server that `openServer` finds: it is known before the tests are declared. */
export async function contractSuite(name: string, options: SuiteOptions = {}): Promise<ContractSuite> {
  const server = await openServer();
  const suiteName = `contract: ${name}`;
  const test = suite(suiteName, options);
  const names = new Set<string>();
  test.before(() => {
    const known = exceptions.filter((exception) => exception.test.startsWith(`${suiteName} › `));
    const stale = known.filter((exception) => !names.has(exception.test));
    if (stale.length > 0)
      throw new Error(`exceptions for tests that are not there: ${JSON.stringify(stale)}`);
  });
  test.after(() => server.close());

  const declare = (testName: string, body: (at: At) => Promise<void>, testOptions: TestOptions = {}) => {
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
export async function refusal(body: Promise<unknown>): Promise<unknown> {
  try {
    await body;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** The code of a server's error; undefined for what is none. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
