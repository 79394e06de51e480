import { type CallSignal, endError } from '../rpc/call-signal.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import { noAnswer, OPERATION_TIMEOUT_MS, unavailable } from './driver-errors.js';

/** The result of one item of a batch. */
export type ItemOutcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** The batch operation of {@link createGroup}, and its limits. */
export interface GroupDeps<Item, Answer> {
  /** Runs one batch. @returns the outcomes of the items, in their order; throws when the whole batch failed */
  readonly run: (batch: readonly Item[]) => Promise<readonly ItemOutcome<Answer>[]>;
  readonly elapsed?: Elapsed;
  /** The most items in one batch. */
  readonly maxBatch?: number;
  /** The most batches in flight. */
  readonly maxInFlight?: number;
  /** The most items in the queue; further items are refused as `unavailable`. */
  readonly maxWaiting?: number;
  /** The timeout of an item from its arrival, in ms, queueing included; then it is answered `unavailable`. */
  readonly maxPendingMs?: number;
}

interface Pending<Item, Answer> {
  readonly item: Item;
  /** The signal of the call that waits for the item; undefined when the item is sent in any case. */
  readonly signal: CallSignal | undefined;
  /** When the item times out, in ms of `elapsed`. */
  readonly expiresAt: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Creates a group commit, for writes or reads: items that arrive while the allowed batches are in flight are sent
 * together in the next batch. There is no delay timer: while fewer batches are in flight, the items of one turn of the
 * event loop are sent at its end.
 *
 * The returned function queues an item and resolves with its answer. It rejects when the item failed, when its call ended
 * before the item was sent (it is then never sent), or when the item timed out.
 */
export function createGroup<Item, Answer>(
  deps: GroupDeps<Item, Answer>,
): (item: Item, signal?: CallSignal) => Promise<Answer> {
  const { run, elapsed = monotonic } = deps;
  const { maxBatch = 200, maxInFlight = 2, maxWaiting = 10_000, maxPendingMs = OPERATION_TIMEOUT_MS } = deps;
  /** The items without an answer, queued or in flight, in the order of their arrival. */
  const pending = new Set<Pending<Item, Answer>>();
  let waiting: Pending<Item, Answer>[] = [];
  let inFlight = 0;
  let scheduled = false;
  /** One timer for all items: the timeout is the same for each, so the oldest item expires first. */
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
      const end = entry.signal && endError(entry.signal);
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
          const missing = { error: new Error('an item without an outcome') };
          for (const [index, entry] of batch.entries()) settle(entry, outcomes[index] ?? missing);
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

  function settle(entry: Pending<Item, Answer>, outcome: ItemOutcome<Answer>): void {
    pending.delete(entry);
    if ('answer' in outcome) entry.resolve(outcome.answer);
    else entry.reject(outcome.error);
  }
}
