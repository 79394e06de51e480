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
import { startRecorder } from './recorder.js';
import { assertDocumented, sentBy } from './sent.js';

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

/** Options of a suite of the contract. */
export interface ContractOptions extends SuiteOptions {
  /** The suite uses the service's stores alone by its `uri`: on the embedded server what they send is recorded, and held to
   *  the table in docs/storage.md. A real server is sent the same, and what goes with replica sets. */
  readonly recordsStores?: boolean;
}

/** A suite of the contract, on the server that `openServer` finds: it is known before the tests are declared. */
export async function contractSuite(name: string, options: ContractOptions = {}): Promise<ContractSuite> {
  const server = await openServer();
  const socketPath = server.kind === 'embedded' ? server.client.options.hosts[0]?.socketPath : undefined;
  const recorder = options.recordsStores && socketPath ? await startRecorder(socketPath) : undefined;
  const test = suite(`contract: ${name}`, options);
  test.after(async () => {
    await recorder?.close();
    await server.close();
    if (recorder) assertDocumented(sentBy(recorder.commands));
  });

  const declare = (testName: string, body: (at: At) => Promise<void>, testOptions: TestOptions = {}) => {
    const run = async () => {
      const db = server.client.db(newDatabaseName());
      try {
        await body({ ...server, ...(recorder && { uri: recorder.uri }), db });
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
