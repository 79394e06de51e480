import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve as resolvePath } from 'node:path';
import { open } from 'lmdb';
import { checkDataFile } from '../storage/data-file.js';
import { completeCopy } from './data-folder.js';
import { holderOnAnotherMachine } from './folder-lock.js';

/** The data could not be copied. The message is a sentence for the operator. */
export class BackupError extends Error {}

/**
 * Copies the data of `dataDir` into `target`, which then can be the `dataDir` of another server. A server that runs on
 * this machine goes on meanwhile: LMDB reads one committed state, and its lock file keeps the server from using the
 * pages of that state again.
 *
 * @throws BackupError; the copy is not usable then
 */
export async function backupEmbeddedMongo(dataDir: string, target: string): Promise<void> {
  const from = join(resolvePath(dataDir), 'embedded');
  const data = join(from, 'data.mdb');
  if (!existsSync(join(from, 'FORMAT')) || !existsSync(data))
    throw new BackupError(`There is no data in ${from}.`);
  const other = await holderOnAnotherMachine(from);
  // The lock file is shared memory, which two machines do not share.
  if (other) throw new BackupError(`The server runs on host ${other.host}: make the backup there.`);

  const to = join(resolvePath(target), 'embedded');
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const copy = join(to, 'data.mdb');
  if (existsSync(copy)) throw new BackupError(`${copy} is there already.`);
  try {
    await copyData(data, copy);
    checkDataFile(copy);
    completeCopy(to, readFileSync(join(from, 'FORMAT'), 'utf8'));
  } catch (error) {
    rmSync(copy, { force: true });
    if (error instanceof BackupError) throw error;
    throw new BackupError(`The copy failed: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    });
  }
}

async function copyData(data: string, copy: string): Promise<void> {
  const db = open({ path: data, noSubdir: true, readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  try {
    const before = lockIdentity(data);
    // Not compacting: that would renumber the pages and leave one state, where a start expects the last two. The server's
    // next write waits while the two pages that name the states are copied.
    await db.backup(copy, false);
    chmodSync(copy, 0o600);
    // A server that starts makes a new lock file, and does not know that pages are read by the old one.
    if (lockIdentity(data) !== before) throw new BackupError('The server was started meanwhile: try again.');
  } finally {
    await db.close();
  }
}

function lockIdentity(data: string): number | undefined {
  return lstatSync(`${data}-lock`, { throwIfNoEntry: false })?.ino;
}
