import { MongoError, toMongoError } from '../mongo-error.js';
import type { Collections } from './collections.js';
import { CommitError, type Store } from './store.js';

/**
 * Runs operations in groups: all writes that arrive in one turn of the event loop share one transaction and one sync
 * to disk. This thread is blocked during the sync; what arrives meanwhile is read in the next turn, together. An
 * operation refuses by throwing `MongoError` before it has written anything, so that the others of its group go on.
 */
export interface CommitQueue {
  /** Runs `body` on committed data; it may take several turns. */
  read<T>(body: () => T | Promise<T>): Promise<T>;
  /** Runs `body` in its group's transaction and settles once that is on disk. `body` may run twice, the first time
   *  undone. Rejects with a `MongoError`: its own, or code 14031 or 8 when the group could not be written. */
  write<T>(body: () => T): Promise<T>;
  /** Settles when all operations have been answered. */
  idle(): Promise<void>;
}

interface Write {
  /** Runs the operation and keeps its outcome. Throws only what is no `MongoError`: then the group is undone. */
  run(): void;
  /** Settles the operation's promise, after the commit. */
  settle(): void;
  fail(error: MongoError): void;
}

/** @param fatal is called when the store can write no more, so that only a restart helps */
export function openCommitQueue(
  store: Store,
  collections: Collections,
  fatal: (error: Error) => void,
): CommitQueue {
  let reads: (() => Promise<void>)[] = [];
  let writes: Write[] = [];
  let scheduled = false;
  let pending = 0;
  let waiting: (() => void)[] = [];

  const schedule = () => {
    pending++;
    if (scheduled) return;
    scheduled = true;
    setImmediate(runGroup);
  };

  const done = () => {
    pending--;
    if (pending > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  const runGroup = () => {
    scheduled = false;
    const [theseReads, theseWrites] = [reads, writes];
    reads = [];
    writes = [];
    // Reads go first, on committed data, so that no client sees what may still be undone. It sees its own earlier
    // writes, since a connection has one operation in flight at a time.
    for (const read of theseReads) void read();
    if (theseWrites.length > 0) commit(theseWrites);
  };

  const commit = (jobs: readonly Write[]): void => {
    try {
      store.transact(() => {
        for (const job of jobs) job.run();
      });
    } catch (thrown) {
      collections.reload();
      if (!(thrown instanceof CommitError) && jobs.length > 1) {
        // One operation failed unexpectedly: each is run alone, so that the others succeed.
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
