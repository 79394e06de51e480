import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkDataFile } from '../storage/data-file.js';
import { DamageError } from '../storage/page-check.js';

/** Why a folder's data cannot be used. */
export type FolderFault = 'unknown_format' | 'incomplete' | 'damaged' | 'unreadable';

/** A folder's data cannot be used. The message is a sentence that names the file and says what to do. */
export class FolderError extends Error {
  readonly fault: FolderFault;

  constructor(fault: FolderFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** A folder whose data may be opened. */
export interface OpenedFolder {
  /** Marks a new folder's data as complete. In a folder that had data it does nothing. */
  readonly complete: () => void;
}

/** The version of the files' layout, raised when older ones can no longer be read. */
const FORMAT = '1';
const FORMAT_BYTES = 64;

/**
 * Checks a folder before LMDB opens its data, and throws `FolderError` when it must not: LMDB makes an empty store
 * where it finds no file or an empty one, and a damaged file ends the process with a signal.
 *
 * The file FORMAT means that the folder may have acknowledged data: it gets its name once the data file is made and on
 * disk. A first start that was cut off before that leaves FORMAT.new, and the next one starts afresh.
 */
export function openFolder(folder: string): OpenedFolder {
  const [file, data] = [join(folder, 'FORMAT'), join(folder, 'data.mdb')];
  const advice = `restore ${folder} from a backup, or remove it to begin anew`;
  const found = readFormat(file);
  if (found === undefined) {
    if (isThere(data)) {
      if (!isThere(`${file}.new`)) {
        throw new FolderError(
          'incomplete',
          `The data file ${data} is there, but FORMAT beside it is missing: ${advice}.`,
        );
      }
      removeFile(data);
    }
    removeFile(`${data}-lock`);
    return begin(folder, file, data);
  }
  if (found !== FORMAT) {
    throw new FolderError(
      'unknown_format',
      `The data in ${folder} has format ${JSON.stringify(found.slice(0, 40))}, and this version reads format ${FORMAT} only.`,
    );
  }
  if (!isThere(data)) {
    throw new FolderError(
      'incomplete',
      `The data file ${data} is missing, but FORMAT beside it says that there was data: ${advice}.`,
    );
  }
  // LMDB needs its lock file between processes only, and this process has the folder. LMDB crashes on one it cannot open.
  removeFile(`${data}-lock`);
  try {
    accessSync(data, constants.R_OK | constants.W_OK);
    checkDataFile(data);
  } catch (error) {
    if (error instanceof DamageError) {
      throw new FolderError('damaged', `The data file ${data} is damaged (${error.message}): ${advice}.`, {
        cause: error,
      });
    }
    throw unreadable(data, error);
  }
  return { complete() {} };
}

function begin(folder: string, file: string, data: string): OpenedFolder {
  try {
    // Whole or absent, even after a power cut: an empty one would be an unknown format.
    writeFileSync(`${file}.new`, `${FORMAT}\n`, { mode: 0o600, flush: true });
    syncPath(folder);
  } catch (error) {
    throw unreadable(`${file}.new`, error);
  }
  return {
    complete() {
      try {
        syncPath(data);
        renameSync(`${file}.new`, file);
        syncPath(folder);
      } catch (error) {
        throw unreadable(file, error);
      }
    },
  };
}

/** Marks the copy of a folder's data as complete: with everything on disk, FORMAT is written last. */
export function completeCopy(folder: string, format: string): void {
  syncPath(join(folder, 'data.mdb'));
  const file = join(folder, 'FORMAT');
  writeFileSync(`${file}.copy`, format, { mode: 0o600, flush: true });
  renameSync(`${file}.copy`, file);
  syncPath(folder);
}

/** What FORMAT says; undefined when there is none. */
function readFormat(file: string): string | undefined {
  let fd: number | undefined;
  try {
    // Non-blocking: opening a pipe in the file's place would otherwise wait for ever.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) throw new Error('it is no file');
    const bytes = Buffer.alloc(FORMAT_BYTES);
    return bytes.toString('utf8', 0, readSync(fd, bytes)).trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw unreadable(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function removeFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    throw unreadable(file, error);
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function unreadable(file: string, error: unknown): FolderError {
  const reason = error instanceof Error ? error.message : String(error);
  return new FolderError('unreadable', `The file ${file} cannot be used: ${reason}.`, { cause: error });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
