import { constants } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, backupEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { GENERATED_KEYS } from './keys.js';
import { messageOf, StartError } from './start-error.js';

/**
 * Copies the embedded server's data and the generated keys of a data folder into a new folder, while the service runs. The
 * copy can be the DATA_DIR of another service.
 *
 * @returns the names of the copied keys
 * @throws StartError
 */
export async function backup(dataDir: string, target: string): Promise<readonly string[]> {
  try {
    await mkdir(target, { recursive: true, mode: 0o700 });
    if ((await readdir(target)).length > 0) throw new StartError(`${target} is not empty`);
    // Keys first: what was sealed or signed before them is not in the copy.
    const copied: string[] = [];
    for (const name of GENERATED_KEYS)
      if (await copyIfThere(join(dataDir, name), join(target, name))) copied.push(name);
    await backupEmbeddedMongo(dataDir, target);
    return copied;
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (error instanceof BackupError) throw new StartError(error.message);
    throw new StartError(`${target} cannot be used: ${messageOf(error)}`);
  }
}

async function copyIfThere(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
