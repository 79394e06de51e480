import type { Freshness } from './catalog/freshness.js';
import type { IdentitySecrets } from './catalog/identity-secrets.js';
import type { CatalogStore } from './catalog/model.js';
import type { OriginReports } from './catalog/origin-reports.js';
import type { WidgetViews } from './catalog/widget-views.js';
import type { Cursors } from './conversations/cursors.js';
import type { KeyedQueue } from './conversations/keyed-queue.js';
import type { RecentConversations } from './conversations/recent-conversations.js';
import type { StreamCaps } from './conversations/watch/stream-caps.js';
import type { Watches } from './conversations/watch/watches.js';
import type { AuditLog } from './rpc/audit.js';
import type { TenantIds } from './rpc/tenant.js';
import type { SessionTokens } from './sessions/token.js';
import type { Elapsed } from './time/elapsed.js';

/** The dependencies of all handlers in a process. Each handler takes a part of them: `Pick<Deps, 'conversations'>`. */
export interface Deps {
  readonly catalog: CatalogStore;
  readonly views: WidgetViews;
  /** Shows changes of the catalogue to every process. */
  readonly freshness: Freshness;
  /** Counts the origins that widget keys in the mode `report` let through. */
  readonly originReports: OriginReports;
  readonly tenants: TenantIds;
  readonly conversations: RecentConversations;
  /** Serialises the changes of one conversation, or of one tenant, within this process. */
  readonly changeQueue: KeyedQueue;
  /** Creates the identity secrets of widget keys. */
  readonly identitySecrets: IdentitySecrets;
  /** Generates a public key: `pk_live_` and 128 random bits. */
  readonly newPublicKey: () => string;
  readonly audit: AuditLog;
  readonly tokens: SessionTokens;
  /** Signs and verifies page tokens and resume tokens. */
  readonly cursors: Cursors;
  readonly watches: Watches;
  /** Limits the concurrent watches. */
  readonly watchCaps: StreamCaps;

  /** The wall clock, in ms since the epoch. */
  readonly now: () => number;
  /** The date for stored changes, in ms since the epoch: `Dates.latest`, which tolerates a wall clock that jumps. */
  readonly date: () => number;
  /** Waits this many ms. */
  readonly wait: (ms: number) => Promise<void>;
  /** The monotonic clock, in ms. */
  readonly elapsed: Elapsed;
  /** Generates a UUIDv7. */
  readonly newId: () => string;
  /** Generates a token id (`jti`): 128 random bits. */
  readonly newJti: () => string;

  /** How long a session token lasts. */
  readonly sessionTtlSeconds: number;
  /** How long after its expiry a token can still be refreshed. */
  readonly resumeWindowSeconds: number;
  /** The maximum age of a session: no token expires later than this after the open. */
  readonly sessionMaxAgeSeconds: number;
  /** How long a conversation is kept after its last change. */
  readonly retentionSeconds: number;
}
