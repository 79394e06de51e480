import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import type { EncryptionKey } from '../catalog/identity-secrets.js';
import type { SigningKey } from '../sessions/token.js';
import type { Config } from './config.js';
import { type GeneratedKey, loadOrMakeKey } from './key-file.js';
import { messageOf, StartError } from './start-error.js';

/** The files of the generated keys in DATA_DIR. */
export const GENERATED_KEYS = ['session-signing-key', 'identity-encryption-key'] as const;

/**
 * Loads the keys that sign session tokens: SESSION_SIGNING_KEYS, else a generated key in DATA_DIR.
 *
 * @throws StartError
 */
export async function loadSigningKeys(config: Config): Promise<readonly [SigningKey, ...SigningKey[]]> {
  return config.SESSION_SIGNING_KEYS ?? [await loadGeneratedKey(config, 'session-signing-key')];
}

/**
 * Creates the loader of the keyring that encrypts identity secrets: the first key seals, all keys open. It loads
 * IDENTITY_ENCRYPTION_KEYS. Without them there are no keys in production; elsewhere a key is generated at first use, so
 * that a service which verifies no identities needs no DATA_DIR for it.
 */
export function identityKeyring(config: Config): () => Promise<readonly EncryptionKey[]> {
  const { IDENTITY_ENCRYPTION_KEYS, NODE_ENV } = config;
  const configured = IDENTITY_ENCRYPTION_KEYS ?? (NODE_ENV === 'production' ? [] : undefined);
  let generated: EncryptionKey | undefined;
  return async () => {
    if (configured) return configured;
    generated ??= await loadGeneratedKey(config, 'identity-encryption-key');
    return [generated];
  };
}

/** Loads or creates a generated key in DATA_DIR. @throws StartError */
async function loadGeneratedKey(
  config: Config,
  file: (typeof GENERATED_KEYS)[number],
): Promise<GeneratedKey> {
  const { DATA_DIR } = config;
  await makeDataFolder(config);
  try {
    return await loadOrMakeKey(DATA_DIR, file, randomBytes);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/** Creates DATA_DIR and its parents. @throws StartError */
export async function makeDataFolder({ DATA_DIR }: Config): Promise<void> {
  try {
    await makeFolder(DATA_DIR);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/** Creates a folder and its parents. Node's `recursive` option loops forever where it cannot create one, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  const parent = dirname(resolvePath(path));
  if (!existsSync(parent)) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    // Another process may have created it in between.
    if (!existsSync(path)) throw error;
  });
}
