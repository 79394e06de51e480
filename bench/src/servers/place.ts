import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@chatsessions/test-harness';
import { type Database, openDatabase } from 'chatsessions/mongo/database.js';
import { explainConnectError } from 'chatsessions/mongo/driver-errors.js';
import { MongoClient } from 'mongodb';
import { UsageError } from '../command/options.js';
import { type ServerProcess, startOurs } from './server-process.js';

/** The databases of measured services: an embedded server for each, or one server for all. */
export interface Databases {
  /** Its name in printed results and figures. */
  readonly name: string;
  readonly isEmbedded: boolean;
  /** Makes an empty place. */
  create(): Promise<Place>;
}

/** The database of one measurement, and its service. */
export interface Place {
  /** The socket of the embedded server, while a service is up. */
  readonly socket?: string;
  /** Starts a service on it; one at a time. `env` is configuration on top. */
  start(env?: Readonly<Record<string, string>>): Promise<ServerProcess>;
  /** Opens the database beside the service. An embedded server is only there while the service is up. */
  open(): Promise<Database>;
  /** Removes the database, after the service has stopped. */
  remove(): Promise<void>;
}

/** The name of the embedded server in figures. */
export const EMBEDDED = 'embedded server';
/** The prefix tells which databases a broken run has left behind. */
const DATABASE_PREFIX = 'scal_';

/** The embedded server that each service has of its own. */
export const embeddedDatabases: Databases = { name: EMBEDDED, isEmbedded: true, create: embeddedPlace };

/** Uses the server of MONGODB_URI, else embedded ones. @throws UsageError when it does not answer */
export async function databasesOf({ MONGODB_URI: uri }: NodeJS.ProcessEnv): Promise<Databases> {
  if (!uri) return embeddedDatabases;
  try {
    return { name: await serverName(uri), isEmbedded: false, create: async () => sharedPlace(uri) };
  } catch (error) {
    throw new UsageError(`MONGODB_URI cannot be used: ${explainConnectError(error)}`);
  }
}

/** Runs `work` with a new place, and removes it. */
export async function withPlace<T>(databases: Databases, work: (place: Place) => Promise<T>): Promise<T> {
  const place = await databases.create();
  try {
    return await work(place);
  } finally {
    await place.remove();
  }
}

/** Runs `work` with a service, and stops it. `env` is configuration on top. */
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

/** Asks a server for its name, such as `MongoDB 8.0.4` or `FerretDB 2.7.0`. */
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
