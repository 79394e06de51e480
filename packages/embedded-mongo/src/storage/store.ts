import { chmodSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';

/** One entry of the store. */
export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Keys from `start` up to, not including, `end`. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** Ordered bytes on disk. Writes are made inside `transact` only. */
export interface Store {
  get(key: Uint8Array): Buffer | undefined;
  has(key: Uint8Array): boolean;
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
  /** The first entries from `start` up to, not including, `end`; with `reverse` the last, backwards. A page has at
   *  least one entry if there is any, and ends at about 1 MiB. Nothing of LMDB stays open afterwards. */
  page(start: Uint8Array, end: Uint8Array, reverse: boolean, most: number): Entry[];
  /** Runs `body` as one transaction, on disk before this returns. Throws what `body` throws, with nothing written;
   *  `CommitError` when the transaction could not be written. */
  transact<T>(body: () => T): T;
  /** Runs `body` so that all it wrote is undone when it throws; only inside `transact`. */
  attempt<T>(body: () => T): T;
  close(): Promise<void>;
}

/** The transaction ran and could not be written to disk: nothing of it happened. */
export class CommitError extends Error {
  /** Whether the disk is full. */
  readonly isOutOfSpace: boolean;

  constructor(cause: unknown, isOutOfSpace: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.isOutOfSpace = isOutOfSpace;
  }
}

/** A failed write with less room left than this, in bytes, counts as one that found the disk full. */
const SCARCE_BYTES = 64 * 1024 * 1024;

/** How much one page of entries may hold, in bytes. */
const PAGE_BYTES = 1024 * 1024;

/**
 * Entries of the list of free pages that LMDB keeps in memory. A longer one it writes to several records, and lmdb
 * 3.5.6 then makes mistakes: pages that are in use are listed as free, so that later writes go over them, or the
 * commit fails with MDB_BAD_TXN. A record holds 507 on pages of 4 KiB; test/abuse/free-pages.slow.test.ts finds the fault
 * without this limit. Neither option is in lmdb's types or documentation; both are read by its env.cpp.
 */
const FREE_PAGES_IN_MEMORY = 400;

/** Opens the store in one file (LMDB takes a folder with a dot in its name for a file, so it is given a file). */
export function openStore(file: string): Store {
  const options = {
    path: file,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    // A commit returns when it is on disk. The default answers before that, and power loss would lose it.
    overlappingSync: false,
    cache: false,
    maxFreeSpaceToLoad: FREE_PAGES_IN_MEMORY,
    maxFreeSpaceToRetain: FREE_PAGES_IN_MEMORY,
  } as const;
  const db: RootDatabase<Buffer, Uint8Array> = open(options);
  // LMDB makes its files readable for all; the folder is closed to others, and so are they.
  for (const made of [file, `${file}-lock`]) chmodSync(made, 0o600);

  const page = (start: Uint8Array, end: Uint8Array, reverse: boolean, most: number): Entry[] => {
    const entries: Entry[] = [];
    let size = 0;
    const range = reverse
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end };
    for (const { key, value } of db.getRange({ ...range, limit: most })) {
      entries.push({ key: Buffer.from(key), value });
      size += value.length;
      if (size > PAGE_BYTES) break;
    }
    return entries;
  };

  return {
    get: (key) => db.get(key),
    has: (key) => db.doesExist(key),
    put: (key, value) => void db.put(key, asBuffer(value)),
    remove: (key) => void db.remove(key),
    page,
    transact(body) {
      let ran = false;
      try {
        return settled(db, () => {
          const result = body();
          ran = true;
          return result;
        });
      } catch (error) {
        if (!ran) throw error;
        throw new CommitError(error, isOutOfSpace(error, file));
      }
    },
    // Inside a transaction this is a child transaction.
    attempt: (body) => settled(db, body),
    close: () => db.close(),
  };
}

/** LMDB reports a full disk as an input/output error, so the room left on the disk decides. */
function isOutOfSpace(error: unknown, file: string): boolean {
  const message = error instanceof Error ? error.message : String(error);
  if (/No space left|quota exceeded|File too large|MDB_MAP_FULL/i.test(message)) return true;
  if (!/Input\/output error/i.test(message)) return false;
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize < SCARCE_BYTES;
}

/** Runs `body` in a transaction. LMDB's callback returns nothing: lmdb-js would wait for a promise that it returned. */
function settled<T>(db: RootDatabase<Buffer, Uint8Array>, body: () => T): T {
  const results: T[] = [];
  db.transactionSync(() => {
    results.push(body());
  });
  const [result] = results;
  // The cast is safe: the callback has run, or the line before threw.
  return result as T;
}

/** The same bytes, as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The first bytes after all that begin with these. */
export function after(prefix: Uint8Array): Buffer {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0;
    if (byte < 255) {
      const bytes = Buffer.from(prefix.subarray(0, i + 1));
      bytes[i] = byte + 1;
      return bytes;
    }
  }
  return Buffer.alloc(8, 255);
}
