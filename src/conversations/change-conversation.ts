import { type CallSignal, throwIfEnded } from '../rpc/call-signal.js';
import { type Conversation, type ConversationStore, changed } from './conversation.js';
import type { KeyedQueue } from './keyed-queue.js';

/** What changing a conversation needs. */
export interface ChangeDeps {
  readonly conversations: Pick<ConversationStore, 'find' | 'replace'>;
  /** When a change happens, as it is stored: see {@link Dates.latest}. */
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
 * Changes a conversation by compare-and-set: reads it, and writes what `change` makes of it unless somebody else
 * changed it in between; then all of it again. Two at once both succeed, one after the other.
 *
 * `change` gets undefined when there is no such conversation. What it throws goes to the caller; to change nothing
 * it returns what it was given.
 *
 * @throws ServiceError deadline_exceeded and canceled before a write that is not wanted any more, and those of the store
 */
export function changeConversation(
  { conversations, changeQueue }: Pick<ChangeDeps, 'conversations' | 'changeQueue'>,
  id: string,
  signal: CallSignal,
  change: (found: Conversation | undefined) => Conversation,
): Promise<Conversation> {
  return changeQueue(id, async () => {
    for (;;) {
      throwIfEnded(signal);
      const found = await conversations.find(id);
      const next = change(found);
      if (next === found || found === undefined) return next;
      throwIfEnded(signal);
      if (await conversations.replace(next, found.revision)) return next;
    }
  });
}

/**
 * Ends a conversation for good; one that has ended stays as it is. `check` refuses what may not be ended.
 *
 * Skips the queue, so that refreshes with a stolen token cannot delay the end.
 */
export async function endForGood(
  deps: Omit<ChangeDeps, 'changeQueue'>,
  id: string,
  signal: CallSignal,
  check: (found: Conversation | undefined) => Conversation,
): Promise<void> {
  await changeConversation({ ...deps, changeQueue: (_id, work) => work() }, id, signal, (found) => {
    const current = check(found);
    return current.endedAt === undefined ? changed(current, 'ended', deps) : current;
  });
}
