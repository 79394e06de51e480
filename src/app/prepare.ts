import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { v7 as uuidV7 } from 'uuid';
import type { KnownCaller } from '../callers/authenticate.js';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import { createIdentitySecrets } from '../catalog/identity-secrets.js';
import { createRandomSource } from '../crypto/random.js';
import { EmbeddedStartError, startEmbedded } from '../embedded/start.js';
import { mongoAudit } from '../mongo/audit.js';
import { mongoCatalog } from '../mongo/catalog.js';
import { type Database, openDatabase } from '../mongo/database.js';
import { explainConnectError } from '../mongo/errors.js';
import type { SigningKey } from '../sessions/token.js';
import { createClosers } from './closers.js';
import type { Config } from './config.js';
import { engineCallers } from './engine-callers.js';
import { identityKeys, makeDataFolder, signingKeys } from './keys.js';
import { applyTenantFile, DEMO_TENANT } from './seed.js';
import { StartError } from './start-error.js';

/** What is done once, however many processes serve: callers and keys are read, the database is up, tenants are in it. */
export interface Prepared {
  readonly callers: readonly KnownCaller[];
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]];
  readonly database: Database;
  /** The MongoDB server that it stores in: MONGODB_URI, or the embedded one. */
  readonly databaseUri: string;
  /** What applying the tenant file did; none when no file was applied. */
  readonly applied: readonly AppliedTenant[];
  /** Whether it runs on its demo tenant. */
  readonly isDemo: boolean;
  /** Settles, with the reason, when the database is gone for good. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

/** What preparing needs. */
export interface PrepareOptions {
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told what was applied, at once: a start that fails later has made identity secrets all the same. */
  readonly onApplied?: ((applied: AppliedTenant) => void) | undefined;
}

/** Does what is done once. @throws StartError when something is in the way; nothing is left running then */
export async function prepare(config: Config, { log, now, onApplied }: PrepareOptions): Promise<Prepared> {
  const closers = createClosers(log);
  try {
    const callers = await engineCallers(config);
    const keys = await signingKeys(config);
    const embedded = config.MONGODB_URI === undefined ? await startEmbeddedServer(config) : undefined;
    if (embedded) closers.add(() => embedded.close());
    const databaseUri = embedded?.uri ?? config.MONGODB_URI ?? '';
    const database = await connect(databaseUri, config.MONGODB_DB);
    closers.add(() => database.close());

    const isDemo = config.SEED_FILE === undefined && embedded !== undefined;
    const file = config.SEED_FILE ?? (isDemo ? DEMO_TENANT : undefined);
    const random = createRandomSource();
    const newId = () => uuidV7({ random: random(16) });
    const applied =
      file === undefined
        ? []
        : await applyTenantFile(file, {
            store: mongoCatalog(database),
            audit: mongoAudit(database, { now, newId }),
            newId,
            identitySecrets: createIdentitySecrets({ keyring: identityKeys(config), randomBytes }),
            ...(onApplied && { onApplied }),
          });
    const failed = embedded?.failed ?? new Promise<Error>(() => {});
    const { close } = closers;
    return { callers, signingKeys: keys, database, databaseUri, applied, isDemo, failed, close };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function startEmbeddedServer(config: Config) {
  await makeDataFolder(config);
  try {
    return await startEmbedded({ dataDir: config.DATA_DIR });
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
