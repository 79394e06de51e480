import { randomBytes } from 'node:crypto';
import { MongoError } from '../mongo-error.js';
import type { Stored } from '../storage/documents.js';

/** A query with documents still to be sent. */
export interface Cursor {
  readonly namespace: string;
  /** The documents still to come; undefined for one that did not match. */
  readonly documents: Iterator<Stored | undefined>;
  /** A document that did not fit into the batch before. */
  pending: Buffer | undefined;
  /** How many more documents the query's limit lets through. */
  left: number;
  readonly project: (bytes: Buffer) => Buffer;
  /** What it keeps in memory, in bytes: sorted documents. */
  readonly heldBytes: number;
}

const MAX_CURSORS = 1000;
/** What cursors may hold together, in bytes: two sorts of the largest size that is allowed. */
const MAX_BYTES = 200 * 1024 * 1024;

/** The open cursors. One that is unused for `timeoutMs` is dropped, and of too many the least recently used. */
export interface Cursors {
  keep(cursor: Cursor): bigint;
  /** Takes a cursor out for use. Throws code 43, or 13 when it belongs to another collection. */
  take(id: bigint, namespace: string): Cursor;
  putBack(id: bigint, cursor: Cursor): void;
  kill(id: bigint, namespace: string): boolean;
  /** Drops those that timed out. */
  sweep(): void;
}

/** Makes the table of open cursors. @param now milliseconds. */
export function openCursors(now: () => number, timeoutMs = 600_000): Cursors {
  const open = new Map<bigint, { readonly cursor: Cursor; readonly until: number }>();
  let held = 0;
  const drop = (id: bigint): boolean => {
    held -= open.get(id)?.cursor.heldBytes ?? 0;
    return open.delete(id);
  };
  const take = (id: bigint, namespace: string): Cursor => {
    const entry = open.get(id);
    if (entry === undefined) throw new MongoError(43, `cursor id ${id} not found`);
    if (entry.cursor.namespace !== namespace) {
      throw new MongoError(
        13,
        `Requested getMore on namespace '${namespace}', but cursor belongs to another`,
      );
    }
    drop(id);
    return entry.cursor;
  };
  const putBack = (id: bigint, cursor: Cursor) => {
    open.set(id, { cursor, until: now() + timeoutMs });
    held += cursor.heldBytes;
    // The first is the least recently used: a cursor is taken out and put back for each batch.
    for (const oldest of open.keys()) {
      if (oldest === id || (open.size <= MAX_CURSORS && held <= MAX_BYTES)) break;
      drop(oldest);
    }
  };
  return {
    take,
    putBack,
    keep(cursor) {
      let id = 0n;
      // Random, so that one client cannot guess another's; positive, since 0 means "no more".
      while (id === 0n || open.has(id)) id = randomBytes(8).readBigUInt64BE() >> 1n;
      putBack(id, cursor);
      return id;
    },
    kill(id, namespace) {
      const entry = open.get(id);
      return entry?.cursor.namespace === namespace && drop(id);
    },
    sweep() {
      for (const [id, { until }] of open) if (until <= now()) drop(id);
    },
  };
}
