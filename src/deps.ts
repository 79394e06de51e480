import type { WidgetViews } from './catalog/widget-views.js';
import type { Cursors } from './conversations/cursors.js';
import type { KeyedQueue } from './conversations/keyed-queue.js';
import type { RecentConversations } from './conversations/recent-conversations.js';
import type { StreamCaps } from './conversations/stream-caps.js';
import type { Watches } from './conversations/watches.js';
import type { AuditLog } from './rpc/audit.js';
import type { TenantIds } from './rpc/tenant.js';
import type { SessionTokens } from './sessions/token.js';
import type { Elapsed } from './time/elapsed.js';

/** All that the handlers of a process work with. Each names its part of it: `Pick<Deps, 'conversations'>`. */
export interface Deps {
  readonly views: WidgetViews;
  readonly tenants: TenantIds;
  readonly conversations: RecentConversations;
  /** Serialises the changes of one conversation within this process. */
  readonly changeQueue: KeyedQueue;
  readonly audit: AuditLog;
  readonly tokens: SessionTokens;
  /** Page tokens. */
  readonly cursors: Cursors;
  readonly watches: Watches;
  /** How many watches may be open at once. */
  readonly watchCaps: StreamCaps;

  /** The wall clock, in ms since the epoch. */
  readonly now: () => number;
  /** The date of what is stored, in ms since the epoch: see {@link Dates.latest}. */
  readonly date: () => number;
  readonly elapsed: Elapsed;
  /** A new UUIDv7. */
  readonly newId: () => string;
  /** A new token id: unguessable, 128 bits. */
  readonly newJti: () => string;

  /** How long a session token lasts. */
  readonly sessionTtlSeconds: number;
  /** How long after its end a token can still be refreshed. */
  readonly resumeWindowSeconds: number;
  /** How long after the open the last token ends. */
  readonly sessionMaxAgeSeconds: number;
  /** How long a conversation is kept after its last change. */
  readonly retentionSeconds: number;
}
