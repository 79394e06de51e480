import { type CallSignal, endOf } from '../rpc/call-signal.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import { noAnswer, OPERATION_MS, unavailable } from './errors.js';

/** What became of one item of a batch. */
export type Outcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** How work is gathered. */
export interface GroupDeps<Item, Answer> {
  /** Does one batch. @returns the outcome of each item, in their order; throws when all of it failed. */
  readonly run: (batch: readonly Item[]) => Promise<readonly Outcome<Answer>[]>;
  readonly elapsed?: Elapsed;
  /** The most items of one batch. */
  readonly maxBatch?: number;
  /** The most batches under way. */
  readonly maxInFlight?: number;
  /** The most items that wait; more are refused as `unavailable`. */
  readonly maxWaiting?: number;
  /**
   * The longest that an item may be without an answer, in ms; then it is answered `unavailable`, also when it waits
   * behind a batch that gets none.
   */
  readonly maxPendingMs?: number;
}

interface Pending<Item, Answer> {
  readonly item: Item;
  /** Of the call that waits for it; undefined when it is wanted in any case. */
  readonly signal: CallSignal | undefined;
  /** When it is answered that there is no answer, in ms of `elapsed`. */
  readonly expiresAt: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit, and the same for reads: items that arrive while operations are under way leave together in the next
 * one. Nothing waits for a timer: with a free place, what has arrived in this turn of the event loop leaves at its
 * end.
 *
 * The returned function resolves with the answer to its own item, and rejects when its own item failed, when its
 * call ended before it was sent (then it never is), or when it has waited for too long.
 */
export function createGroup<Item, Answer>(
  deps: GroupDeps<Item, Answer>,
): (item: Item, signal?: CallSignal) => Promise<Answer> {
  const { run, elapsed = monotonic } = deps;
  const { maxBatch = 200, maxInFlight = 2, maxWaiting = 10_000, maxPendingMs = OPERATION_MS } = deps;
  /** Everything without an answer, in the order in which it came. */
  const pending = new Set<Pending<Item, Answer>>();
  let waiting: Pending<Item, Answer>[] = [];
  let inFlight = 0;
  let scheduled = false;
  /** One for all: what came first is the first to be late. */
  let expiry: NodeJS.Timeout | undefined;

  return (item, signal) => {
    if (waiting.length >= maxWaiting) {
      return Promise.reject(unavailable('The service has more work than it can do at the moment.'));
    }
    return new Promise((resolve, reject) => {
      const entry = { item, signal, expiresAt: elapsed() + maxPendingMs, resolve, reject };
      pending.add(entry);
      waiting.push(entry);
      if (expiry === undefined) expiry = setTimeout(expire, maxPendingMs).unref();
      schedule();
    });
  };

  function expire(): void {
    expiry = undefined;
    const time = elapsed();
    for (const entry of pending) {
      if (entry.expiresAt > time) {
        expiry = setTimeout(expire, entry.expiresAt - time).unref();
        return;
      }
      pending.delete(entry);
      entry.reject(noAnswer());
    }
  }

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
    const batch: Pending<Item, Answer>[] = [];
    let taken = 0;
    for (const entry of waiting) {
      if (batch.length === maxBatch) break;
      taken++;
      if (!pending.has(entry)) continue;
      const end = entry.signal && endOf(entry.signal);
      if (end === undefined) batch.push(entry);
      else settle(entry, { error: end });
    }
    waiting = waiting.slice(taken);
    if (batch.length === 0) return;

    inFlight++;
    Promise.resolve(batch.map((entry) => entry.item))
      .then(run)
      .then(
        (outcomes) => {
          const none = { error: new Error('an item without an outcome') };
          for (const [index, entry] of batch.entries()) settle(entry, outcomes[index] ?? none);
        },
        (error: unknown) => {
          for (const entry of batch) settle(entry, { error });
        },
      )
      .finally(() => {
        inFlight--;
        schedule();
      });
  }

  function settle(entry: Pending<Item, Answer>, outcome: Outcome<Answer>): void {
    pending.delete(entry);
    if ('answer' in outcome) entry.resolve(outcome.answer);
    else entry.reject(outcome.error);
  }
}
