import { ServiceError } from '../rpc/errors.js';
import { unavailable } from './errors.js';

/**
 * Writes one batch.
 *
 * @returns what went wrong with single items, by their index in the batch; throws when all of it failed.
 */
export type WriteBatch<T> = (batch: readonly T[]) => Promise<ReadonlyMap<number, unknown>>;

/** How work is gathered. */
export interface GroupCommitParts<T> {
  readonly write: WriteBatch<T>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The most items of one batch. */
  readonly maxBatch?: number;
  /** The most batches under way. */
  readonly maxInFlight?: number;
  /** The most items that wait; more are refused as `unavailable`. */
  readonly maxWaiting?: number;
}

interface Waiting<T> {
  readonly item: T;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: items that arrive while writes are under way leave together in the next one. Nothing waits for
 * a timer: with a free place, what has arrived in this turn of the event loop leaves at its end.
 *
 * The returned function resolves when its own item is written, and rejects when its own item failed, or when
 * its deadline (ms since the epoch) passed before it was sent: then it never is.
 */
export function createGroupCommit<T>(
  parts: GroupCommitParts<T>,
): (item: T, deadline: number) => Promise<void> {
  const { write, now, maxBatch = 200, maxInFlight = 2, maxWaiting = 10_000 } = parts;
  let waiting: Waiting<T>[] = [];
  let inFlight = 0;
  let scheduled = false;

  return (item, deadline) => {
    if (waiting.length >= maxWaiting) {
      return Promise.reject(unavailable('The service has more work than it can do at the moment.'));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ item, deadline, resolve, reject });
      schedule();
    });
  };

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      send();
      schedule();
    });
  }

  function send(): void {
    const time = now();
    const batch: Waiting<T>[] = [];
    let taken = 0;
    for (const entry of waiting) {
      if (batch.length === maxBatch) break;
      taken++;
      if (entry.deadline > time) batch.push(entry);
      else entry.reject(new ServiceError('deadline_exceeded', 'The call was not done within its deadline.'));
    }
    waiting = waiting.slice(taken);
    if (batch.length === 0) return;

    inFlight++;
    Promise.resolve(batch.map((entry) => entry.item))
      .then(write)
      .then(
        (failed) => {
          for (const [index, entry] of batch.entries()) {
            if (failed.has(index)) entry.reject(failed.get(index));
            else entry.resolve();
          }
        },
        (error: unknown) => {
          for (const entry of batch) entry.reject(error);
        },
      )
      .finally(() => {
        inFlight--;
        schedule();
      });
  }
}
