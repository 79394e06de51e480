import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const BYTES = 32;

/** A key that was made here, under the one id that such keys have. */
export interface GeneratedKey {
  readonly kid: 'generated';
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * A key that a development server keeps in its data folder: made when it is first needed, so that what is signed or
 * sealed with it outlives a restart. The file has 32 bytes, base64, and is its owner's only.
 *
 * @throws Error when the file cannot be written or does not hold a key
 */
export async function loadOrMakeKey(
  dataDir: string,
  file: string,
  randomBytes: (size: number) => Uint8Array,
): Promise<GeneratedKey> {
  const path = join(dataDir, file);
  const text = (await readIfThere(path)) ?? (await make(dataDir, path, Buffer.from(randomBytes(BYTES))));
  const secret = Buffer.from(text, 'base64');
  if (secret.length !== BYTES) {
    throw new Error(`${path} does not hold ${BYTES} bytes in base64; remove it to get a new key`);
  }
  return { kid: 'generated', secret };
}

/**
 * Makes the file whole or not at all, whatever ends the process or the machine meanwhile: on disk under another name
 * first, then linked. Another process may do the same at the same moment: the first one's key stays.
 */
async function make(dataDir: string, path: string, secret: Buffer): Promise<string> {
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
