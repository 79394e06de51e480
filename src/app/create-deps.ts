import { v7 as uuidV7 } from 'uuid';
import { createTenantIds } from '../catalog/tenant-ids.js';
import type { WidgetViews } from '../catalog/widget-views.js';
import { createCursors } from '../conversations/cursors.js';
import { createKeyedQueue } from '../conversations/keyed-queue.js';
import { createRecentConversations } from '../conversations/recent-conversations.js';
import { createStreamCaps, type StreamLimits } from '../conversations/stream-caps.js';
import { createPace, processCpuMs, startEventLoopLoad } from '../conversations/watch-pace.js';
import { createWatches } from '../conversations/watches.js';
import { createRandomSource } from '../crypto/random.js';
import type { Deps } from '../deps.js';
import { mongoAudit } from '../mongo/audit.js';
import { mongoCatalog } from '../mongo/catalog.js';
import { mongoConversations } from '../mongo/conversations.js';
import type { Database } from '../mongo/database.js';
import { createSessionTokens, type SigningKey } from '../sessions/token.js';
import type { Dates } from '../time/dates.js';
import type { Elapsed } from '../time/elapsed.js';
import { pause } from '../time/pause.js';
import type { Config } from './config.js';

/** What the handlers' dependencies are made of. */
export interface Ingredients {
  readonly database: Database;
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]];
  readonly views: WidgetViews;
  readonly dates: Dates;
  readonly now: () => number;
  readonly elapsed: Elapsed;
  readonly watchLimits: StreamLimits | undefined;
}

/** Wires what the handlers of a process work with. */
export function createDeps(config: Config, ingredients: Ingredients): Deps {
  const { database, signingKeys, views, dates, now, elapsed, watchLimits } = ingredients;
  const random = createRandomSource();
  const newId = () => uuidV7({ random: random(16) });
  const conversations = createRecentConversations({ store: mongoConversations(database, elapsed), elapsed });
  const cursors = createCursors(signingKeys.map(({ secret }) => secret));
  const pace = createPace({ elapsed, startLoad: startEventLoopLoad, cpuMs: processCpuMs });
  return {
    ...{ views, conversations, cursors, now, elapsed, newId },
    tenants: createTenantIds({ store: mongoCatalog(database), elapsed }),
    changeQueue: createKeyedQueue(),
    audit: mongoAudit(database, { now, newId }),
    tokens: createSessionTokens(signingKeys),
    watches: createWatches({ conversations, cursors, dates, elapsed, pause, pace }),
    watchCaps: createStreamCaps(watchLimits),
    date: dates.latest,
    newJti: () => random(16).toString('base64url'),
    sessionTtlSeconds: Math.min(config.SESSION_TTL, config.SESSION_MAX_AGE),
    resumeWindowSeconds: config.RESUME_WINDOW,
    sessionMaxAgeSeconds: config.SESSION_MAX_AGE,
    // A row outlives the tokens that can still be refreshed.
    retentionSeconds: Math.max(config.RETENTION, config.SESSION_TTL + config.RESUME_WINDOW),
  };
}
