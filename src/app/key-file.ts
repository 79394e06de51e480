import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const BYTES = 32;

/** A key that the service generated. All of them have the same key id. */
export interface GeneratedKey {
  readonly kid: 'generated';
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * Reads a generated key from the data folder, and creates it at first use. The key is kept so that what it has signed
 * or sealed stays valid after a restart. The file contains 32 bytes in base64; only its owner may read it.
 *
 * @throws Error when the file cannot be written or does not contain a key
 */
export async function loadOrMakeKey(
  dataDir: string,
  file: string,
  randomBytes: (size: number) => Uint8Array,
): Promise<GeneratedKey> {
  const path = join(dataDir, file);
  const text =
    (await readIfThere(path)) ?? (await createKeyFile(dataDir, path, Buffer.from(randomBytes(BYTES))));
  const secret = Buffer.from(text, 'base64');
  if (secret.length !== BYTES) {
    throw new Error(`${path} does not hold ${BYTES} bytes in base64; remove it to get a new key`);
  }
  return { kid: 'generated', secret };
}

/**
 * Creates the key file atomically: the key is synced to a temporary file, which is then linked, so that a crash never
 * leaves a partial file. If two processes do this at the same time, the first link wins and both read that key.
 */
async function createKeyFile(dataDir: string, path: string, secret: Buffer): Promise<string> {
  const draft = `${path}.${process.pid}.new`;
  try {
    await syncedWrite(draft, secret.toString('base64'));
    await link(draft, path).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dataDir);
  return readFile(path, 'utf8');
}

async function syncedWrite(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
