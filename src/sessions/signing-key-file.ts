import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SigningKey } from './token.js';

const FILE = 'session-signing-key';
const BYTES = 32;

/**
 * The signing key that a development server keeps in its data folder: made at the first start, so that tokens
 * outlive a restart. The file has 32 bytes, base64, and is its owner's only.
 *
 * @throws Error when the file cannot be written or does not hold a key
 */
export async function loadOrMakeSigningKey(
  dataDir: string,
  randomBytes: (size: number) => Uint8Array,
): Promise<SigningKey> {
  const path = join(dataDir, FILE);
  try {
    // Another process may make it at the same moment: the first one's stays.
    await writeFile(path, Buffer.from(randomBytes(BYTES)).toString('base64'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const secret = Buffer.from(await readFile(path, 'utf8'), 'base64');
  if (secret.length !== BYTES)
    throw new Error(`${path} does not hold ${BYTES} bytes in base64; remove it to get a new key`);
  return { kid: 'generated', secret };
}
