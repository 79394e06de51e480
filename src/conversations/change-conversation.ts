import type { Elapsed } from '../rpc/elapsed.js';
import { deadlineExceeded } from '../rpc/errors.js';
import { type Conversation, type ConversationStore, changed } from './conversation.js';
import type { InTurn } from './turns.js';

/** What changing a conversation needs. */
export interface ChangeParts {
  readonly conversations: Pick<ConversationStore, 'find' | 'replace'>;
  /** When a change happens, as it is stored: see {@link Dates.latest}. */
  readonly date: () => number;
  readonly elapsed: Elapsed;
  /** How long a conversation is kept after its last change, in seconds. */
  readonly retention: number;
  /**
   * Lets the changes of one conversation wait for each other within this process: of n at once each would find itself
   * overtaken by the others, n² reads and writes in all. What is right does not depend on it.
   */
  readonly inTurn?: InTurn;
}

/**
 * Changes a conversation by compare-and-set: reads it, and writes what `change` makes of it unless somebody else
 * changed it in between; then all of it again. Two at once both succeed, one after the other.
 *
 * `change` gets undefined when there is no such conversation. What it throws goes to the caller; to change nothing
 * it returns what it was given.
 *
 * @param deadline in ms of `elapsed`
 * @throws ServiceError deadline_exceeded, and those of the store
 */
export function changeConversation(
  { conversations, elapsed, inTurn = atOnce }: ChangeParts,
  id: string,
  deadline: number,
  change: (found: Conversation | undefined) => Conversation,
): Promise<Conversation> {
  return inTurn(id, async () => {
    while (elapsed() < deadline) {
      const found = await conversations.find(id);
      const next = change(found);
      if (next === found || found === undefined) return next;
      if (await conversations.replace(next, found.revision)) return next;
    }
    throw deadlineExceeded();
  });
}

const atOnce: InTurn = (_name, work) => work();

/**
 * Ends a conversation for good; one that has ended stays as it is. `check` refuses what may not be ended.
 *
 * It waits for no turn: whoever has a stolen token must not keep it alive by refreshing it faster than that is done.
 */
export async function endForGood(
  parts: ChangeParts,
  id: string,
  deadline: number,
  check: (found: Conversation | undefined) => Conversation,
): Promise<void> {
  await changeConversation({ ...parts, inTurn: atOnce }, id, deadline, (found) => {
    const current = check(found);
    return current.endedAt === undefined ? changed(current, 'ended', parts) : current;
  });
}
