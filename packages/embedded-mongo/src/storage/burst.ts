import { MongoError, toMongoError } from '../mongo-error.js';
import type { Catalog } from './collections.js';
import { CommitError, type Store } from './store.js';

/**
 * Runs operations so that one commit, one wait for the disk, serves all writes that came meanwhile.
 *
 * What arrives in one turn of the event loop is one burst. While a commit waits for the disk this thread stands
 * still, and what arrives then is read in the next turn, together. Each operation is isolated in its burst: it
 * refuses by throwing `MongoError` before it has written, so the others go on.
 */
export interface Bursts {
  /** Runs `body` on committed data; it may take several turns. */
  read<T>(body: () => T | Promise<T>): Promise<T>;
  /** Runs `body` in the burst's transaction; settles when that is on disk. `body` may run twice, the first time
   *  undone. Rejects with a `MongoError`: its own, or code 14031 or 8 when the burst could not be written. */
  write<T>(body: () => T): Promise<T>;
  /** Settles when all that was handed in has been answered. */
  idle(): Promise<void>;
}

interface Write {
  /** Runs the operation and keeps its outcome. Throws what is not the client's fault: then all is undone. */
  run(): void;
  /** Hands the outcome over, after the commit. */
  settle(): void;
  fail(error: MongoError): void;
}

/** @param fatal is told when the store can write no more: only a restart helps. */
export function openBursts(store: Store, catalog: Catalog, fatal: (error: Error) => void): Bursts {
  let reads: (() => Promise<void>)[] = [];
  let writes: Write[] = [];
  let scheduled = false;
  let pending = 0;
  let waiting: (() => void)[] = [];

  const schedule = () => {
    pending++;
    if (scheduled) return;
    scheduled = true;
    setImmediate(burst);
  };

  const done = () => {
    pending--;
    if (pending > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  const burst = () => {
    scheduled = false;
    const [theseReads, theseWrites] = [reads, writes];
    reads = [];
    writes = [];
    // Reads go first, on committed data: what a client is shown can no longer be undone. Its own earlier writes
    // are in it, since a connection has one operation under way at a time.
    for (const read of theseReads) void read();
    if (theseWrites.length > 0) commit(theseWrites);
  };

  const commit = (jobs: readonly Write[]): void => {
    try {
      store.transact(() => {
        for (const job of jobs) job.run();
      });
    } catch (thrown) {
      catalog.reload();
      if (!(thrown instanceof CommitError) && jobs.length > 1) {
        // One operation ran into something unforeseen; alone, the others will not suffer from it.
        for (const job of jobs) commit([job]);
        return;
      }
      const error =
        thrown instanceof CommitError && thrown.isOutOfSpace
          ? new MongoError(14031, `out of disk space, nothing was written: ${thrown.message}`)
          : toMongoError(thrown);
      for (const job of jobs) job.fail(error);
      if (/MDB_PANIC|MDB_CORRUPTED|fatal/i.test(error.message)) fatal(error);
      return;
    }
    for (const job of jobs) job.settle();
  };

  return {
    read<T>(body: () => T | Promise<T>): Promise<T> {
      return new Promise((resolve, reject) => {
        reads.push(async () => {
          try {
            resolve(await body());
          } catch (thrown) {
            reject(toMongoError(thrown));
          } finally {
            done();
          }
        });
        schedule();
      });
    },
    write<T>(body: () => T): Promise<T> {
      return new Promise((resolve, reject) => {
        let outcome: () => void = () => {};
        writes.push({
          run() {
            try {
              const result = body();
              outcome = () => resolve(result);
            } catch (thrown) {
              if (!(thrown instanceof MongoError)) throw thrown;
              outcome = () => reject(thrown);
            }
          },
          settle() {
            outcome();
            done();
          },
          fail(error) {
            reject(error);
            done();
          },
        });
        schedule();
      });
    },
    idle() {
      return pending === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    },
  };
}
