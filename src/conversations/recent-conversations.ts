import { LRUCache } from 'lru-cache';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { Conversation, ConversationStore } from './conversation.js';

/** A conversation store with a short-lived cache of look-ups in front of it. */
export interface RecentConversations extends ConversationStore {
  /**
   * Looks up a conversation; the answer may be up to a second old. A change by this process shows at once, a change by
   * another process within that second. The answer is never older than the token: the first look-up with a `jti` always
   * reads the store, because the token may have been issued by a refresh that changed the conversation.
   *
   * @param jti of the token that the conversation is looked up for
   */
  findRecent(id: string, jti: string): Promise<Conversation | undefined>;
}

/** The dependencies and settings of {@link createRecentConversations}. */
export interface RecentConversationsDeps {
  readonly store: ConversationStore;
  readonly elapsed?: Elapsed;
  /** How long a look-up stays cached, in ms. */
  readonly keptMs?: number;
  /** The most look-ups in the cache, at some 2 KB each. */
  readonly capacity?: number;
}

interface LookUp {
  readonly found: Promise<Conversation | undefined>;
  /** When the look-up began, in ms of `elapsed`. */
  readonly at: number;
  /** The tokens that were seen before it began, the latest first. */
  readonly jtis: readonly string[];
}

/** How many tokens of one conversation a look-up remembers: a visitor may have several tabs open. */
const MAX_TOKENS = 8;

/** Creates the cache in front of `store`. */
export function createRecentConversations(deps: RecentConversationsDeps): RecentConversations {
  const { store, elapsed = monotonic, keptMs = 1_000, capacity = 4_000 } = deps;
  /** Look-ups enter the cache when they begin, so that a concurrent change also evicts a look-up in flight. */
  const recent = new LRUCache<string, LookUp>({ max: capacity });

  return {
    insert: store.insert,
    find: store.find,
    findAll: store.findAll,
    findChanged: store.findChanged,
    list: store.list,
    listRows: store.listRows,
    changedSince: store.changedSince,

    findRecent(id, jti) {
      const known = recent.get(id);
      const at = elapsed();
      const { jtis = [] } = known ?? {};
      const isSeen = jtis.includes(jti);
      if (known && isSeen && at < known.at + keptMs) return known.found;
      const lookUp = {
        found: store.find(id),
        at,
        jtis: isSeen ? jtis : [jti, ...jtis.slice(0, MAX_TOKENS - 1)],
      };
      const evict = () => {
        if (recent.peek(id) === lookUp) recent.delete(id);
      };
      recent.set(id, lookUp);
      lookUp.found.then((found) => found ?? evict(), evict);
      return lookUp.found;
    },

    async replace(conversation, expectedRevision) {
      try {
        return await store.replace(conversation, expectedRevision);
      } finally {
        recent.delete(conversation.id);
      }
    },

    async deleteOfTenant(tenantId, limit) {
      try {
        return await store.deleteOfTenant(tenantId, limit);
      } finally {
        recent.clear();
      }
    },

    async erase(tenantId, customerId, limit, at) {
      try {
        return await store.erase(tenantId, customerId, limit, at);
      } finally {
        recent.clear();
      }
    },
  };
}
