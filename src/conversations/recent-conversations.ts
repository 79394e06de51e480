import type { Conversation, ConversationStore } from './conversation.js';

/** A store that remembers for a moment what was looked up. */
export interface RecentConversations extends ConversationStore {
  /**
   * The conversation as it is, or as it was at most a second ago: what this process changes is known at once, what
   * another one changes within that second.
   *
   * @param since seconds since the epoch: what was looked up in that second or before is looked up again
   */
  findRecent(id: string, since: number): Promise<Conversation | undefined>;
}

/** What remembering needs. */
export interface RecentConversationsParts {
  readonly store: ConversationStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a look-up is remembered, in ms. */
  readonly keptMs?: number;
  /** The most look-ups to remember: some 2 KB each. */
  readonly capacity?: number;
}

interface LookUp {
  readonly found: Promise<Conversation | undefined>;
  /** When it began, in ms since the epoch. */
  readonly at: number;
}

export function createRecentConversations(parts: RecentConversationsParts): RecentConversations {
  const { store, now, keptMs = 1_000, capacity = 4_000 } = parts;
  /** From their beginning on, so that a change that ends while one is under way drops it too. */
  const recent = new Map<string, LookUp>();

  return {
    ...store,

    findRecent(id, since) {
      const known = recent.get(id);
      if (known && now() < known.at + keptMs && known.at >= (since + 1) * 1000) return known.found;
      if (recent.size >= capacity) recent.clear();
      const lookUp = { found: store.find(id), at: now() };
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
