import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { v7 as uuidV7 } from 'uuid';
import type { AppliedTenant } from './catalog/apply-tenants.js';
import { createIdentitySecrets } from './catalog/identity-secrets.js';
import { newPublicKey } from './catalog/public-key.js';
import { createTenantIds } from './catalog/tenant-ids.js';
import { createWidgetViews } from './catalog/widget-views.js';
import { startWorkers } from './cluster/workers.js';
import { type Addresses, type Config, formatAddress } from './config.js';
import { createCursors } from './conversations/cursors.js';
import { createDates } from './conversations/dates.js';
import { endConversation } from './conversations/end-conversation.js';
import { eraseCustomer } from './conversations/erase-customer.js';
import { exportCustomer } from './conversations/export-customer.js';
import { getConversation } from './conversations/get-conversation.js';
import { listConversations } from './conversations/list-conversations.js';
import { createRecentConversations } from './conversations/recent-conversations.js';
import { createStreamCaps, type StreamLimits } from './conversations/stream-caps.js';
import { createTurns } from './conversations/turns.js';
import { updateVariables } from './conversations/update-variables.js';
import { watchConversations } from './conversations/watch-conversations.js';
import { createPace, processCpuMs, startEventLoopLoad } from './conversations/watch-pace.js';
import { connectEndpoints } from './gateway/connect.js';
import { restEndpoints } from './gateway/rest.js';
import { createGateway } from './gateway/server.js';
import { createGrpcServer } from './grpc/server.js';
import { mongoAudit } from './mongo/audit.js';
import { mongoCatalog } from './mongo/catalog.js';
import { mongoConversations } from './mongo/conversations.js';
import { createAuthenticate } from './rpc/authenticate.js';
import { type Elapsed, elapsed as monotonic } from './rpc/elapsed.js';
import { createPipeline } from './rpc/invoke.js';
import { pause } from './rpc/pause.js';
import { endSession } from './sessions/end-session.js';
import { getSession } from './sessions/get-session.js';
import { openSession } from './sessions/open-session.js';
import { createRandomSource } from './sessions/random.js';
import { refreshSession } from './sessions/refresh-session.js';
import { createSessionTokens } from './sessions/token.js';
import { verifySession } from './sessions/verify-session.js';
import {
  applyTenantFile,
  connect,
  engineCallers,
  generatedKey,
  grpcCredentials,
  identityKeys,
  listen,
  makeDataFolder,
  startOwnServer,
} from './start-up.js';

/** The running service. */
export interface App {
  /** Where it listens, with the ports that it got. */
  readonly addresses: Addresses;
  /** The MongoDB server that it stores in: MONGODB_URI, or the embedded one. */
  readonly databaseUri: string;
  /** What applying the tenant file did; none when no file was applied. */
  readonly applied: readonly AppliedTenant[];
  /** Whether it runs on its demo tenant. */
  readonly isDemo: boolean;
  /** Settles, with the reason, when the service cannot go on. */
  readonly failed: Promise<Error>;
  /** Answers what is under way, then stops. Safe to call twice. */
  close(): Promise<void>;
}

/** What the service takes from its surroundings; tests put their own in place. */
export interface Surroundings {
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** The monotonic clock; `now` itself where only that is given, so that a test's clock is the only one. */
  readonly elapsed?: Elapsed;
  /** Told what was applied, at once: a start that fails later has made identity secrets all the same. */
  readonly onApplied?: (applied: AppliedTenant) => void;
  /** How many watches may be open at once. */
  readonly watchLimits?: StreamLimits;
  /** How long a gRPC connection takes new calls, in ms: for good with one process, else 5 min. */
  readonly maxConnectionAgeMs?: number;
}

/** The tenant file of a service that nobody configured. */
const DEMO_TENANT = new URL('../../src/catalog/demo-tenant.yaml', import.meta.url);
/** The longest that one call may take, in ms. */
const MAX_CALL_MS = 5_000;
/** How old the catalogue may be that a process works with, in ms. */
const CATALOG_POLL_MS = 2_000;
/** How often the wall clock is looked at, in ms: what it said is remembered when it jumps. */
const CLOCK_MS = 1_000;
/** How long calls under way may take at the end, in ms: longer than any of them takes then. */
const GRACE_MS = 6_000;

/**
 * Brings the service up: database, tenants, and the two surfaces, which several processes serve where `WORKERS`
 * says so.
 *
 * @throws StartError when something in its surroundings is in the way; nothing is left running then
 */
export async function start(config: Config, surroundings: Surroundings): Promise<App> {
  const { log, now = Date.now, onApplied, maxConnectionAgeMs, watchLimits } = surroundings;
  const { elapsed = surroundings.now ?? monotonic } = surroundings;
  /** What is up, to be taken down in the opposite order. */
  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  let isStopping = false;
  const close = () => {
    isStopping = true;
    closed ??= (async () => {
      for (const closer of closers.reverse()) {
        await closer().catch((error: unknown) => log.error({ err: error }, 'not closed cleanly'));
      }
    })();
    return closed;
  };

  try {
    const callers = await engineCallers(config);
    const usesDataFolder = config.MONGODB_URI === undefined || config.SESSION_SIGNING_KEYS === undefined;
    if (usesDataFolder) await makeDataFolder(config);
    const signingKeys =
      config.SESSION_SIGNING_KEYS ?? ([await generatedKey(config, 'session-signing-key')] as const);
    const embedded = config.MONGODB_URI === undefined ? await startOwnServer(config) : undefined;
    if (embedded) closers.push(() => embedded.close());

    const databaseUri = embedded?.uri ?? config.MONGODB_URI ?? '';
    const database = await connect(databaseUri, config.MONGODB_DB);
    closers.push(() => database.close());

    const random = createRandomSource();
    const newId = () => uuidV7({ random: random(16) });
    const catalog = mongoCatalog(database);
    const audit = mongoAudit(database, { now, newId });
    const identitySecrets = createIdentitySecrets({ keyring: identityKeys(config), randomBytes });
    const isDemo = config.SEED_FILE === undefined && embedded !== undefined;
    const applied = await applyTenantFile(config.SEED_FILE ?? (isDemo ? DEMO_TENANT : undefined), {
      store: catalog,
      audit,
      newId,
      newPublicKey: () => newPublicKey(randomBytes),
      identitySecrets,
      ...(onApplied && { onApplied }),
    });
    const failed = embedded?.failed ?? new Promise<Error>(() => {});
    const up = { databaseUri, applied, isDemo, failed, close };

    if (config.WORKERS > 1) {
      const workers = await startWorkers({
        ...{ config, databaseUri, log },
        ...(maxConnectionAgeMs !== undefined && { maxConnectionAgeMs }),
      });
      closers.push(() => workers.close());
      return { ...up, addresses: workers.addresses };
    }

    const views = createWidgetViews({ store: catalog, identitySecrets, elapsed });
    const poll = setInterval(() => {
      views.refresh().catch((error: unknown) => log.warn({ err: error }, 'catalogue not refreshed'));
    }, CATALOG_POLL_MS);
    closers.push(async () => clearInterval(poll));

    const dates = createDates(now, elapsed);
    const clock = setInterval(dates.latest, CLOCK_MS);
    closers.push(async () => clearInterval(clock));
    const parts = {
      views,
      tenants: createTenantIds({ store: catalog, elapsed }),
      conversations: createRecentConversations({ store: mongoConversations(database, elapsed), elapsed }),
      audit,
      tokens: createSessionTokens(signingKeys),
      cursors: createCursors(signingKeys.map(({ secret }) => secret)),
      now,
      elapsed,
      dates,
      date: dates.latest,
      pause,
      pace: createPace({ elapsed, startLoad: startEventLoopLoad, cpuMs: processCpuMs }),
      watchCaps: createStreamCaps(watchLimits),
      isStopping: () => isStopping,
      newId,
      newJti: () => random(16).toString('base64url'),
      sessionTtl: Math.min(config.SESSION_TTL, config.SESSION_MAX_AGE),
      resumeWindow: config.RESUME_WINDOW,
      sessionMaxAge: config.SESSION_MAX_AGE,
      // A row outlives the tokens that can still be refreshed.
      retention: Math.max(config.RETENTION, config.SESSION_TTL + config.RESUME_WINDOW),
      inTurn: createTurns(),
    };
    const rpcs = [
      openSession(parts),
      getSession(parts),
      refreshSession(parts),
      endSession(parts),
      verifySession(parts),
      getConversation(parts),
      listConversations(parts),
      updateVariables(parts),
      endConversation(parts),
      eraseCustomer(parts),
    ];
    const streamRpcs = [exportCustomer(parts), watchConversations(parts)];
    const pipeline = createPipeline({
      authenticate: createAuthenticate(callers),
      maxCallMs: MAX_CALL_MS,
      elapsed,
      log,
    });

    const onError = (error: unknown) => log.error({ err: error }, 'request failed');
    const gateway = createGateway({
      endpoints: [...restEndpoints(rpcs, pipeline), ...connectEndpoints(rpcs, pipeline)],
      newRequestId: randomUUID,
      onError,
    });
    const grpc = createGrpcServer({
      rpcs,
      streamRpcs,
      pipeline,
      newRequestId: randomUUID,
      onError,
      credentials: await grpcCredentials(config),
      ...(maxConnectionAgeMs !== undefined && { maxConnectionAgeMs }),
    });
    closers.push(async () => {
      await Promise.all([gateway.close(GRACE_MS), grpc.close(GRACE_MS)]);
    });

    const http = await listen('HTTP_ADDR', config.HTTP_ADDR, ({ host, port }) => gateway.listen(host, port));
    const engine = await listen('GRPC_ADDR', config.GRPC_ADDR, (address) =>
      grpc.listen(formatAddress(address)),
    );
    return { ...up, addresses: { http, grpc: engine } };
  } catch (error) {
    await close();
    throw error;
  }
}
