import type { Suite } from '@chatsessions/test-harness';
import { closeClient, tempDir } from '@chatsessions/test-harness';
import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import * as assert from 'uvu/assert';
import {
  type EmbeddedOptions,
  type EmbeddedServer,
  EmbeddedStartError,
  startEmbeddedMongo,
} from '../src/process/start-embedded-mongo.js';

/** A running server and its client, for one suite. */
export interface Running {
  readonly server: EmbeddedServer;
  readonly client: MongoClient;
  /** A database of its own for each test. */
  readonly db: Db;
}

/** A document of any shape, with any `_id`. */
export interface Doc {
  _id?: string | number | object;
  [field: string]: unknown;
}

/** Starts a server before a suite's tests and ends it after them. */
export function withServer(test: Suite, options: Partial<EmbeddedOptions> = {}): () => Running {
  let server: EmbeddedServer | undefined;
  let client: MongoClient | undefined;
  let count = 0;
  test.before(async () => {
    server = await startEmbeddedMongo({ dataDir: await tempDir(), ...options });
    client = await connect(server.uri);
  });
  test.before.each(() => void count++);
  test.after(async () => {
    if (client) await closeClient(client);
    await server?.close();
  });
  return () => {
    if (!server || !client) throw new Error('the server has not started');
    return { server, client, db: client.db(`test${count}`) };
  };
}

/** A connected client. */
export function connect(uri: string, options: MongoClientOptions = {}): Promise<MongoClient> {
  return new MongoClient(uri, { serverSelectionTimeoutMS: 5000, ...options }).connect();
}

/** The rejection of a promise, with MongoDB's code where it has one. */
export interface Refusal {
  readonly code: unknown;
  readonly message: string;
  readonly error: unknown;
}

/** The error of something that must fail. */
export async function refusal(body: Promise<unknown>): Promise<Refusal> {
  try {
    await body;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return { code, message, error };
  }
  throw new Error('it did not fail');
}

/** Why the embedded server does not start in a data folder. @throws Error when it starts, or fails in another way */
export async function startError(dataDir: string): Promise<EmbeddedStartError> {
  try {
    const server = await startEmbeddedMongo({ dataDir, watchMs: 600 });
    await server.close();
  } catch (error) {
    assert.instance(error, EmbeddedStartError);
    return error as EmbeddedStartError;
  }
  throw new Error('it started');
}
