import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { createAuthenticate } from '../callers/authenticate.js';
import { createIdentitySecrets } from '../catalog/identity-secrets.js';
import { createWidgetViews, type WidgetViews } from '../catalog/widget-views.js';
import type { StreamLimits } from '../conversations/stream-caps.js';
import { connectEndpoints } from '../gateway/connect.js';
import { restEndpoints } from '../gateway/rest.js';
import { createGateway } from '../gateway/server.js';
import { createGrpcServer } from '../grpc/server.js';
import { mongoCatalog } from '../mongo/catalog.js';
import { createCallLog } from '../rpc/call-log.js';
import { createPipeline } from '../rpc/invoke.js';
import { createDates, type Dates } from '../time/dates.js';
import type { Elapsed } from '../time/elapsed.js';
import { createClosers } from './closers.js';
import { type Address, type Addresses, type Config, formatAddress } from './config.js';
import { createDeps } from './create-deps.js';
import { grpcCredentials } from './engine-callers.js';
import { identityKeys } from './keys.js';
import type { Prepared } from './prepare.js';
import { services } from './services.js';
import { messageOf, StartError } from './start-error.js';

/** What one process serves, or several together. */
export interface Serving {
  /** Where it listens, with the ports that it got. */
  readonly addresses: Addresses;
  /** Answers what is under way, then stops. Safe to call twice. */
  close(): Promise<void>;
}

/** What each process brings itself. */
export interface ServeOptions {
  readonly log: Logger;
  /** The wall clock, in ms since the epoch. */
  readonly now: () => number;
  /** The monotonic clock. */
  readonly elapsed: Elapsed;
  /** How many watches may be open at once. */
  readonly watchLimits?: StreamLimits | undefined;
  /** How long a gRPC connection takes new calls, in ms: for good unless set. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** The longest that one call may take, in ms. */
const MAX_CALL_MS = 5_000;
/** How old the catalogue may be that a process works with, in ms. */
const CATALOG_POLL_MS = 2_000;
/** How often the wall clock is looked at, in ms: what it said is remembered when it jumps. */
const CLOCK_MS = 1_000;
/** How long calls under way may take at the end, in ms: longer than any of them takes then. */
const GRACE_MS = 6_000;

/** Serves both surfaces in this process. @throws StartError when it cannot; nothing is left running then */
export async function serveSurfaces(
  config: Config,
  { callers, signingKeys, database }: Pick<Prepared, 'callers' | 'signingKeys' | 'database'>,
  options: ServeOptions,
): Promise<Serving> {
  const { log, now, elapsed, watchLimits, maxConnectionAgeMs } = options;
  const closers = createClosers(log);
  try {
    const identitySecrets = createIdentitySecrets({ keyring: identityKeys(config), randomBytes });
    const views = createWidgetViews({ store: mongoCatalog(database), identitySecrets, elapsed });
    closers.add(pollCatalog(views, log));
    const dates = createDates(now, elapsed);
    closers.add(watchClock(dates));
    const deps = createDeps(config, { database, signingKeys, views, dates, now, elapsed, watchLimits });
    const { rpcs, streamRpcs } = services(deps);

    const callLog = createCallLog(log, elapsed);
    const authenticate = createAuthenticate(callers);
    const pipeline = createPipeline({ authenticate, maxCallMs: MAX_CALL_MS, elapsed, callLog });
    const edge = { pipeline, callLog, newRequestId: randomUUID, elapsed };
    const gateway = createGateway({
      ...edge,
      endpoints: [...restEndpoints(rpcs), ...connectEndpoints(rpcs)],
    });
    const grpc = createGrpcServer({
      ...edge,
      ...{ rpcs, streamRpcs, credentials: await grpcCredentials(config) },
      ...(maxConnectionAgeMs !== undefined && { maxConnectionAgeMs }),
    });
    closers.add(async () => {
      pipeline.stop();
      await Promise.all([gateway.close(GRACE_MS), grpc.close(GRACE_MS)]);
    });

    const addresses = {
      http: await listen('HTTP_ADDR', config.HTTP_ADDR, gateway.listen),
      grpc: await listen('GRPC_ADDR', config.GRPC_ADDR, grpc.listen),
    };
    return { addresses, close: closers.close };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Keeps the widget views fresh. @returns what ends it */
function pollCatalog(views: WidgetViews, log: Logger): () => Promise<void> {
  const poll = setInterval(() => {
    views.refresh().catch((error: unknown) => log.warn({ err: error }, 'catalogue not refreshed'));
  }, CATALOG_POLL_MS);
  return async () => clearInterval(poll);
}

/** Notes where the wall clock stands, once a second. @returns what ends it */
function watchClock(dates: Dates): () => Promise<void> {
  const clock = setInterval(dates.latest, CLOCK_MS);
  return async () => clearInterval(clock);
}

/** Listens on an address that a variable names. @returns it with the port that was got. @throws StartError */
async function listen(
  name: string,
  address: Address,
  bind: (host: string, port: number) => Promise<number>,
): Promise<Address> {
  try {
    return { host: address.host, port: await bind(address.host, address.port) };
  } catch (error) {
    const text = messageOf(error);
    const reason = text.includes('EADDRINUSE') ? 'another program has it already' : text;
    throw new StartError(`${name} ${formatAddress(address)} cannot be listened on: ${reason}`);
  }
}
