import { deadlineExceeded } from '../rpc/errors.js';
import { unavailable } from './errors.js';

/** What became of one item of a batch. */
export type Outcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** How work is gathered. */
export interface GroupParts<Item, Answer> {
  /** Does one batch. @returns the outcome of each item, in their order; throws when all of it failed. */
  readonly run: (batch: readonly Item[]) => Promise<readonly Outcome<Answer>[]>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The most items of one batch. */
  readonly maxBatch?: number;
  /** The most batches under way. */
  readonly maxInFlight?: number;
  /** The most items that wait; more are refused as `unavailable`. */
  readonly maxWaiting?: number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly deadline: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit, and the same for reads: items that arrive while operations are under way leave together in the next
 * one. Nothing waits for a timer: with a free place, what has arrived in this turn of the event loop leaves at its
 * end.
 *
 * The returned function resolves with the answer to its own item, and rejects when its own item failed, or when
 * its deadline (ms since the epoch) passed before it was sent: then it never is.
 */
export function createGroup<Item, Answer>(
  parts: GroupParts<Item, Answer>,
): (item: Item, deadline: number) => Promise<Answer> {
  const { run, now, maxBatch = 200, maxInFlight = 2, maxWaiting = 10_000 } = parts;
  let waiting: Waiting<Item, Answer>[] = [];
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
    const batch: Waiting<Item, Answer>[] = [];
    let taken = 0;
    for (const entry of waiting) {
      if (batch.length === maxBatch) break;
      taken++;
      if (entry.deadline > time) batch.push(entry);
      else entry.reject(deadlineExceeded());
    }
    waiting = waiting.slice(taken);
    if (batch.length === 0) return;

    inFlight++;
    Promise.resolve(batch.map((entry) => entry.item))
      .then(run)
      .then(
        (outcomes) => {
          for (const [index, entry] of batch.entries()) {
            const outcome = outcomes[index] ?? { error: new Error('an item without an outcome') };
            if ('answer' in outcome) entry.resolve(outcome.answer);
            else entry.reject(outcome.error);
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
