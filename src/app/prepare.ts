import { randomBytes } from 'node:crypto';
import { EmbeddedStartError, startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import type { Logger } from 'pino';
import type { KnownCaller } from '../callers/authenticate.js';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import { createAnnouncer } from '../catalog/change-log.js';
import { createIdentitySecrets } from '../catalog/identity-secrets.js';
import { createRandomSource, createUuidSource } from '../crypto/random.js';
import { type Database, openDatabase } from '../mongo/database.js';
import { explainConnectError } from '../mongo/driver-errors.js';
import { mongoAudit } from '../mongo/mongo-audit.js';
import { mongoCatalog } from '../mongo/mongo-catalog.js';
import { mongoChangeLog } from '../mongo/mongo-change-log.js';
import type { SigningKey } from '../sessions/token.js';
import { createClosers } from './closers.js';
import type { Config } from './config.js';
import { DEMO_TENANT, refuseLeftDemo, whyNoDemo } from './demo.js';
import { readEngineCallers } from './engine-callers.js';
import { identityKeyring, loadSigningKeys, makeDataFolder } from './keys.js';
import { applyTenantFile } from './seed.js';
import { StartError } from './start-error.js';

/** What all processes of the service share: engine callers, keys, and a database with its tenants. */
export interface Prepared {
  readonly callers: readonly KnownCaller[];
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]];
  readonly database: Database;
  /** The connection string of the database: MONGODB_URI, or the embedded server's. */
  readonly databaseUri: string;
  /** The results of applying the tenant file; empty when no file was applied. */
  readonly applied: readonly AppliedTenant[];
  /** Whether the service runs with its demo tenant. */
  readonly isDemo: boolean;
  /** Resolves, with the reason, when the embedded server has failed for good; never for MONGODB_URI. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

/** What {@link prepare} needs. */
export interface PrepareOptions {
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called after each applied tenant: its new identity secrets must be shown even when the start fails later. */
  readonly onApplied?: ((applied: AppliedTenant) => void) | undefined;
}

/**
 * Does what the service does once, before one or several processes serve: reads engine callers and keys, opens the
 * database and applies the tenant file.
 *
 * @throws StartError; nothing is left running then
 */
export async function prepare(config: Config, { log, now, onApplied }: PrepareOptions): Promise<Prepared> {
  const closers = createClosers(log);
  try {
    const callers = await readEngineCallers(config);
    const signingKeys = await loadSigningKeys(config);
    const embedded = config.MONGODB_URI === undefined ? await startEmbeddedServer(config) : undefined;
    if (embedded) closers.add(() => embedded.close());
    const databaseUri = embedded?.uri ?? config.MONGODB_URI ?? '';
    const database = await connect(databaseUri, config.MONGODB_DB);
    closers.add(() => database.close());

    const isDemo = config.SEED_FILE === undefined && whyNoDemo(config) === undefined;
    const file = config.SEED_FILE ?? (isDemo ? DEMO_TENANT : undefined);
    const catalog = mongoCatalog(database);
    const newId = createUuidSource(createRandomSource());
    const applied =
      file === undefined
        ? []
        : await applyTenantFile(file, {
            catalog,
            audit: mongoAudit(database, { now, newId }),
            announce: createAnnouncer(mongoChangeLog(database)),
            newId,
            now,
            identitySecrets: createIdentitySecrets({ keyring: identityKeyring(config), randomBytes }),
            ...(onApplied && { onApplied }),
          });
    await refuseLeftDemo(config, catalog, applied);
    const failed = embedded?.failed ?? new Promise<Error>(() => {});
    const { close } = closers;
    return { callers, signingKeys, database, databaseUri, applied, isDemo, failed, close };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function startEmbeddedServer(config: Config) {
  await makeDataFolder(config);
  try {
    return await startEmbeddedMongo({ dataDir: config.DATA_DIR });
  } catch (error) {
    if (error instanceof EmbeddedStartError) throw new StartError(error.message);
    throw error;
  }
}

/** Opens the database. @throws StartError */
export async function connect(uri: string, name: string): Promise<Database> {
  try {
    return await openDatabase(uri, name);
  } catch (error) {
    throw new StartError(`MONGODB_URI cannot be used: ${explainConnectError(error)}`);
  }
}
