import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import type { EncryptionKey } from '../catalog/identity-secrets.js';
import type { SigningKey } from '../sessions/token.js';
import type { Config } from './config.js';
import { type GeneratedKey, loadOrMakeKey } from './key-file.js';
import { messageOf, StartError } from './start-error.js';

/** The keys that sign session tokens: those of the configuration, else one that is kept in DATA_DIR. */
export async function signingKeys(config: Config): Promise<readonly [SigningKey, ...SigningKey[]]> {
  return config.SESSION_SIGNING_KEYS ?? [await generatedKey(config, 'session-signing-key')];
}

/**
 * The keys that seal identity secrets: the first one seals, all open. In production there are none unless they are
 * set. Elsewhere one is made once it is needed: a service that verifies no identities needs no DATA_DIR for it.
 */
export function identityKeys(config: Config): () => Promise<readonly EncryptionKey[]> {
  const { IDENTITY_ENCRYPTION_KEYS, NODE_ENV } = config;
  const configured = IDENTITY_ENCRYPTION_KEYS ?? (NODE_ENV === 'production' ? [] : undefined);
  let generated: EncryptionKey | undefined;
  return async () => {
    if (configured) return configured;
    generated ??= await generatedKey(config, 'identity-encryption-key');
    return [generated];
  };
}

/** A key that is kept in DATA_DIR, in a file of its own. @throws StartError */
async function generatedKey(config: Config, file: string): Promise<GeneratedKey> {
  const { DATA_DIR } = config;
  await makeDataFolder(config);
  try {
    return await loadOrMakeKey(DATA_DIR, file, randomBytes);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/** Makes DATA_DIR, and its parents. @throws StartError */
export async function makeDataFolder({ DATA_DIR }: Config): Promise<void> {
  try {
    await makeFolder(DATA_DIR);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/** Makes a folder and its parents. Node's own `recursive` never ends where a folder can have no children, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  const parent = dirname(resolvePath(path));
  if (!existsSync(parent)) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    // Another process made it a moment ago.
    if (!existsSync(path)) throw error;
  });
}
