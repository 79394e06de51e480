import { randomBytes } from 'node:crypto';
import { closeClient, tempDir } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import { formatAddress, readConfig } from '../../src/app/config.js';
import { type App, start } from '../../src/app/start.js';
import type { StreamLimits } from '../../src/conversations/watch/stream-caps.js';
import { createLog } from '../../src/telemetry/log.js';
import { repoFile } from './repo-file.js';

/** A service of a test's own, on free ports and a database of its own. */
export interface TestApp {
  readonly app: App;
  /** Base address of the gateway, such as `http://127.0.0.1:34567`. */
  readonly httpUrl: string;
  /** `host:port` of the gRPC server. */
  readonly grpcTarget: string;
  /** What it logged, one object a line. */
  readonly logged: () => readonly string[];
  /** Works on its database with a client that all such work shares. */
  readonly withDatabase: <T>(work: (client: MongoClient, databaseName: string) => Promise<T>) => Promise<T>;
  close(): Promise<void>;
}

/** The 32 bytes that test services sign with. */
export const TEST_SECRET = Buffer.alloc(32, 7);

/**
 * Starts a service with the tenants of the parity tables: on the embedded server, or on `MONGODB_URI`. `env` is
 * configuration on top; `now` freezes its clocks (with `elapsed`, its wall clock alone); `maxConnectionAgeMs` is that
 * of gRPC connections, `watchLimits` are those of open watches.
 */
export async function startTestApp({
  env = {},
  ...surroundings
}: {
  env?: Record<string, string>;
  now?: () => number;
  elapsed?: () => number;
  maxConnectionAgeMs?: number;
  watchLimits?: StreamLimits;
} = {}): Promise<TestApp> {
  const databaseName = env['MONGODB_DB'] ?? `test_${randomBytes(8).toString('hex')}`;
  const lines: string[] = [];
  const config = readConfig({
    HTTP_ADDR: '127.0.0.1:0',
    GRPC_ADDR: '127.0.0.1:0',
    DATA_DIR: await tempDir(),
    MONGODB_URI: process.env['MONGODB_URI'],
    MONGODB_DB: databaseName,
    SEED_FILE: repoFile('test/cases/open-session.seed.yaml'),
    SESSION_SIGNING_KEYS: `test:${TEST_SECRET.toString('base64')}`,
    LOG_LEVEL: 'debug',
    ...env,
  });
  const log = createLog(config.LOG_LEVEL, { write: (line: string) => lines.push(line) });
  const app = await start(config, { log, ...surroundings });

  const client = new MongoClient(app.databaseUri);
  const withDatabase: TestApp['withDatabase'] = (work) => work(client, databaseName);
  return {
    app,
    httpUrl: `http://${formatAddress(app.addresses.http)}`,
    grpcTarget: formatAddress(app.addresses.grpc),
    logged: () => lines,
    withDatabase,
    async close() {
      // A database that the test names is the test's.
      if (env['MONGODB_DB'] === undefined) await client.db(databaseName).dropDatabase();
      await closeClient(client);
      await app.close();
    },
  };
}
