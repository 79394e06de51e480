import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@chatsessions/test-harness';
import { type Database, openDatabase } from 'chatsessions/mongo/database.js';
import { explainConnectError } from 'chatsessions/mongo/errors.js';
import { MongoClient } from 'mongodb';
import { UsageError } from '../command/options.js';
import { type ServerProcess, startOurs } from './server-process.js';

/** Where measured services store: the embedded server that each has of its own, or one that all share. */
export interface Databases {
  /** What it is, for the print and the figures. */
  readonly name: string;
  readonly isEmbedded: boolean;
  /** A place that nothing is stored in. */
  create(): Promise<Place>;
}

/** A database of a measurement's own. */
export interface Place {
  /** The socket of its embedded server, while a service is up. */
  readonly socket?: string;
  /** Starts a service on it, with `env` on top; one at a time. */
  start(env?: Readonly<Record<string, string>>): Promise<ServerProcess>;
  /** Opens it beside its service, which must be up where the server is the embedded one. */
  open(): Promise<Database>;
  /** Gives back what it takes, once its service is stopped. */
  remove(): Promise<void>;
}

/** The name of the embedded server in figures. */
export const EMBEDDED = 'embedded server';
/** What databases of measurements are called, so that one that was left behind is known. */
const DATABASE_PREFIX = 'scal_';

/** The embedded server that each service has of its own. */
export const embeddedDatabases: Databases = { name: EMBEDDED, isEmbedded: true, create: embeddedPlace };

/** The server that MONGODB_URI names, else embedded ones. @throws UsageError when it does not answer */
export async function databasesOf({ MONGODB_URI: uri }: NodeJS.ProcessEnv): Promise<Databases> {
  if (!uri) return embeddedDatabases;
  try {
    return { name: await serverName(uri), isEmbedded: false, create: async () => sharedPlace(uri) };
  } catch (error) {
    throw new UsageError(`MONGODB_URI cannot be used: ${explainConnectError(error)}`);
  }
}

/** Does something with a place of its own, and removes it. */
export async function withPlace<T>(databases: Databases, work: (place: Place) => Promise<T>): Promise<T> {
  const place = await databases.create();
  try {
    return await work(place);
  } finally {
    await place.remove();
  }
}

/** Does something with a service, and stops it. `env` is configuration on top. */
export async function withService<T>(
  place: Place,
  work: (server: ServerProcess) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const server = await place.start(env);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

async function embeddedPlace(): Promise<Place> {
  const dataDir = await tempDir();
  const socket = join(dataDir, 'embedded', 'mongodb.sock');
  const uri = `mongodb://${encodeURIComponent(socket)}/?directConnection=true`;
  return {
    socket,
    start: (env = {}) => startOurs({ dataDir, env }),
    open: () => openDatabase(uri, 'chatsessions'),
    remove: () => rm(dataDir, { recursive: true, force: true }),
  };
}

function sharedPlace(databaseUri: string): Place {
  const databaseName = `${DATABASE_PREFIX}${randomBytes(6).toString('hex')}`;
  return {
    start: (env = {}) => startOurs({ databaseUri, databaseName, env }),
    open: () => openDatabase(databaseUri, databaseName),
    async remove() {
      await withClient(databaseUri, (client) => client.db(databaseName).dropDatabase());
    },
  };
}

/** Such as `MongoDB 8.0.4` or `FerretDB 2.7.0`. */
async function serverName(uri: string): Promise<string> {
  const { version, ferretdb } = await withClient(uri, (client) =>
    client.db('admin').command({ buildInfo: 1 }),
  );
  return ferretdb ? `FerretDB ${String(ferretdb.version).replace(/^v/, '')}` : `MongoDB ${version}`;
}

async function withClient<T>(uri: string, work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 3_000 });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
