import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createFreshness } from '../catalog/freshness.js';
import { createIdentitySecrets } from '../catalog/identity-secrets.js';
import { createOriginReports } from '../catalog/origin-reports.js';
import { newPublicKey } from '../catalog/public-key.js';
import { createTenantIds } from '../catalog/tenant-ids.js';
import { createWidgetViews } from '../catalog/widget-views.js';
import { createCursors } from '../conversations/cursors.js';
import { createKeyedQueue } from '../conversations/keyed-queue.js';
import { createRecentConversations } from '../conversations/recent-conversations.js';
import { createPace, processCpuMs, startEventLoopLoad } from '../conversations/watch/pace.js';
import { createStreamCaps, type StreamLimits } from '../conversations/watch/stream-caps.js';
import { createWatches } from '../conversations/watch/watches.js';
import { createRandomSource, createUuidSource } from '../crypto/random.js';
import type { Deps } from '../deps.js';
import type { Database } from '../mongo/database.js';
import { mongoAudit } from '../mongo/mongo-audit.js';
import { mongoCatalog } from '../mongo/mongo-catalog.js';
import { mongoChangeLog } from '../mongo/mongo-change-log.js';
import { mongoConversations } from '../mongo/mongo-conversations.js';
import { mongoOriginReports } from '../mongo/mongo-origin-reports.js';
import { createSessionTokens, MAX_TOKEN_LIFE_SECONDS, type SigningKey } from '../sessions/token.js';
import { createDates } from '../time/dates.js';
import type { Elapsed } from '../time/elapsed.js';
import { pause } from '../time/pause.js';
import type { Config } from './config.js';
import { identityKeyring } from './keys.js';

/** What {@link createDeps} builds the handlers' dependencies from. */
export interface DepsInput {
  readonly database: Database;
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]];
  readonly now: () => number;
  readonly elapsed: Elapsed;
  readonly log: Logger;
  readonly watchLimits: StreamLimits | undefined;
}

/** Creates the dependencies of a process's handlers. */
export function createDeps(config: Config, input: DepsInput): Deps {
  const { database, signingKeys, now, elapsed, log, watchLimits } = input;
  const random = createRandomSource();
  const newId = createUuidSource(random);
  const catalog = mongoCatalog(database);
  const identitySecrets = createIdentitySecrets({ keyring: identityKeyring(config), randomBytes });
  const views = createWidgetViews({ store: catalog, identitySecrets, elapsed });
  const tenants = createTenantIds({ store: catalog, elapsed });
  const changeLog = mongoChangeLog(database);
  const dates = createDates(now, elapsed);
  const conversations = createRecentConversations({ store: mongoConversations(database, elapsed), elapsed });
  const cursors = createCursors(signingKeys.map(({ secret }) => secret));
  const pace = createPace({ elapsed, startLoad: startEventLoopLoad, cpuMs: processCpuMs });
  return {
    ...{ catalog, views, tenants, conversations, cursors, now, elapsed, newId },
    freshness: createFreshness({ changeLog, store: catalog, views, tenants, elapsed }),
    originReports: createOriginReports({
      store: mongoOriginReports(database),
      keyExists: async (keyId) => (await catalog.findKeyById(keyId)) !== undefined,
      ...{ log, now, elapsed },
    }),
    changeQueue: createKeyedQueue(),
    identitySecrets,
    newPublicKey: () => newPublicKey(randomBytes),
    wait: (ms) => setTimeout(ms),
    audit: mongoAudit(database, { now, newId }),
    tokens: createSessionTokens(signingKeys),
    watches: createWatches({ conversations, cursors, dates, elapsed, pause, pace }),
    watchCaps: createStreamCaps(watchLimits),
    date: dates.latest,
    newJti: () => random(16).toString('base64url'),
    sessionTtlSeconds: Math.min(config.SESSION_TTL, config.SESSION_MAX_AGE),
    resumeWindowSeconds: config.RESUME_WINDOW,
    sessionMaxAgeSeconds: config.SESSION_MAX_AGE,
    // A conversation must be kept for as long as its tokens can be refreshed.
    retentionSeconds: Math.max(config.RETENTION, MAX_TOKEN_LIFE_SECONDS + config.RESUME_WINDOW),
  };
}
