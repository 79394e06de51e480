import { type CallSignal, throwIfEnded } from '../rpc/call-signal.js';
import { applyChange, type Conversation, type ConversationStore } from './conversation.js';
import type { KeyedQueue } from './keyed-queue.js';

/** The dependencies of {@link changeConversation} and {@link endForGood}. */
export interface ChangeDeps {
  readonly conversations: Pick<ConversationStore, 'find' | 'replace'>;
  /** The time to store for a change, in ms since the epoch: see {@link Dates.latest}. */
  readonly date: () => number;
  /** How long a conversation is kept after its last change. */
  readonly retentionSeconds: number;
  /**
   * Serialises the changes of one conversation within this process, which avoids O(n²) retries of n changes at once;
   * correctness comes from the compare-and-set.
   */
  readonly changeQueue: KeyedQueue;
}

/**
 * Changes a conversation by compare-and-set: reads it, applies `change`, and writes the result if the stored revision is
 * still the one it read; otherwise it retries from the read. Two concurrent changes both succeed, one after the other.
 *
 * `change` gets undefined when the conversation does not exist. An error that it throws reaches the caller. To change
 * nothing, it returns its argument or undefined.
 *
 * @throws ServiceError deadline_exceeded or canceled when the call ended before the write; the errors of the store
 */
export function changeConversation<Next extends Conversation | undefined>(
  { conversations, changeQueue }: Pick<ChangeDeps, 'conversations' | 'changeQueue'>,
  id: string,
  signal: CallSignal,
  change: (found: Conversation | undefined) => Next,
): Promise<Next> {
  return changeQueue(id, async () => {
    for (;;) {
      throwIfEnded(signal);
      const found = await conversations.find(id);
      const next = change(found);
      if (next === found || next === undefined || found === undefined) return next;
      throwIfEnded(signal);
      if (await conversations.replace(next, found.revision)) return next;
    }
  });
}

/**
 * Ends a conversation for good. An ended conversation stays as it is. `check` throws when the caller may not end it,
 * and returns undefined when there is nothing to end.
 *
 * Skips the queue, so that refreshes with a stolen token cannot delay the end.
 *
 * @returns whether this call has ended it
 */
export async function endForGood(
  deps: Omit<ChangeDeps, 'changeQueue'>,
  id: string,
  signal: CallSignal,
  check: (found: Conversation | undefined) => Conversation | undefined,
): Promise<boolean> {
  let isOngoing = false;
  await changeConversation({ ...deps, changeQueue: (_id, work) => work() }, id, signal, (found) => {
    const current = check(found);
    isOngoing = current !== undefined && current.endedAt === undefined;
    return current && isOngoing ? applyChange(current, 'ended', deps) : current;
  });
  return isOngoing;
}
