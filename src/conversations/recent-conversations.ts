import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { Conversation, ConversationStore } from './conversation.js';

/** A store that remembers for a moment what was looked up. */
export interface RecentConversations extends ConversationStore {
  /**
   * The conversation as it is, or as it was at most a second ago: what this process changes is known at once, what
   * another one changes within that second. It is never older than the token that it is looked up for: a token that
   * comes for the first time is looked up anew, since it is younger than the change that it was given out with.
   *
   * @param jti the token's
   */
  findRecent(id: string, jti: string): Promise<Conversation | undefined>;
}

/** What remembering needs. */
export interface RecentConversationsDeps {
  readonly store: ConversationStore;
  readonly elapsed?: Elapsed;
  /** How long a look-up is remembered, in ms. */
  readonly keptMs?: number;
  /** The most look-ups to remember: some 2 KB each. */
  readonly capacity?: number;
}

interface LookUp {
  readonly found: Promise<Conversation | undefined>;
  /** When it began, in ms of `elapsed`. */
  readonly at: number;
  /** The tokens that had come by then, the latest first. */
  readonly jtis: readonly string[];
}

/** How many tokens of one conversation are remembered: several tabs are open at once. */
const MAX_TOKENS = 8;

export function createRecentConversations(deps: RecentConversationsDeps): RecentConversations {
  const { store, elapsed = monotonic, keptMs = 1_000, capacity = 4_000 } = deps;
  /** From their beginning on, so that a change that ends while one is under way drops it too. */
  const recent = new Map<string, LookUp>();

  return {
    ...store,

    findRecent(id, jti) {
      const known = recent.get(id);
      const at = elapsed();
      const { jtis = [] } = known ?? {};
      const hasCome = jtis.includes(jti);
      if (known && hasCome && at < known.at + keptMs) return known.found;
      if (recent.size >= capacity) recent.clear();
      const lookUp = {
        found: store.find(id),
        at,
        jtis: hasCome ? jtis : [jti, ...jtis.slice(0, MAX_TOKENS - 1)],
      };
      const forget = () => {
        if (recent.get(id) === lookUp) recent.delete(id);
      };
      recent.set(id, lookUp);
      lookUp.found.then((found) => found ?? forget(), forget);
      return lookUp.found;
    },

    async replace(conversation, expectedRevision) {
      try {
        return await store.replace(conversation, expectedRevision);
      } finally {
        recent.delete(conversation.id);
      }
    },

    async erase(tenantId, customerId, limit) {
      try {
        return await store.erase(tenantId, customerId, limit);
      } finally {
        recent.clear();
      }
    },
  };
}
