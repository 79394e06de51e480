import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { createAuthenticate } from '../callers/authenticate.js';
import type { Freshness } from '../catalog/freshness.js';
import type { StreamLimits } from '../conversations/watch/stream-caps.js';
import type { Deps } from '../deps.js';
import { connectEndpoints } from '../gateway/connect.js';
import { createGateway } from '../gateway/gateway.js';
import { restEndpoints } from '../gateway/rest.js';
import { createGrpcServer } from '../grpc/grpc-server.js';
import { readDescriptorSet } from '../grpc/reflection.js';
import { createCallLog } from '../rpc/call-log.js';
import { createPipeline } from '../rpc/invoke.js';
import type { Elapsed } from '../time/elapsed.js';
import { createClosers } from './closers.js';
import { type Address, type Addresses, type Config, formatAddress } from './config.js';
import { createDeps } from './create-deps.js';
import { readGrpcCredentials } from './engine-callers.js';
import type { Prepared } from './prepare.js';
import { createServices } from './services.js';
import { messageOf, StartError } from './start-error.js';

/** The running listeners, of one process or of several workers. */
export interface Serving {
  /** The addresses that they listen on, with their real ports. */
  readonly addresses: Addresses;
  /** Answers the calls in flight, then stops. Safe to call twice. */
  close(): Promise<void>;
}

/** What each process provides for itself. */
export interface ServeOptions {
  readonly log: Logger;
  /** The wall clock, in ms since the epoch. */
  readonly now: () => number;
  /** The monotonic clock. */
  readonly elapsed: Elapsed;
  /** The maximum of concurrent watches. */
  readonly watchLimits?: StreamLimits | undefined;
  /** How long a gRPC connection accepts new calls, in ms; unlimited by default. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** The time limit of a call, in ms, unless its RPC sets its own. */
const MAX_CALL_MS = 5_000;
/** How often changes of the catalogue are polled, in ms: they show within 2 s, and a poll may take some of that. */
const CATALOG_POLL_MS = 1_500;
/** How often the counts of origin reports are written, in ms. */
const ORIGIN_REPORTS_MS = 5_000;
/** How often the wall clock is sampled, in ms, so that a jump is noticed even without calls (dates.ts). */
const CLOCK_SAMPLE_MS = 1_000;
/** How long the calls in flight may take when the process stops, in ms: longer than MAX_CALL_MS. */
const GRACE_MS = 6_000;

/** Serves both surfaces in this process. @throws StartError; nothing is left running then */
export async function serveSurfaces(
  config: Config,
  { callers, signingKeys, database }: Pick<Prepared, 'callers' | 'signingKeys' | 'database'>,
  options: ServeOptions,
): Promise<Serving> {
  const { log, now, elapsed, watchLimits, maxConnectionAgeMs } = options;
  const closers = createClosers(log);
  try {
    const deps = createDeps(config, { database, signingKeys, now, elapsed, log, watchLimits });
    closers.add(pollCatalog(deps.freshness, log));
    closers.add(sampleClock(deps.date));
    closers.add(writeOriginReports(deps.originReports));
    const { rpcs, streamRpcs } = createServices(deps);

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
      ...{ rpcs, streamRpcs, credentials: await readGrpcCredentials(config) },
      descriptors: await readDescriptors(config, callers.length === 0, log),
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

/**
 * Reads the descriptors for reflection: where the engine surface is open, or GRPC_REFLECTION asks for it. Reflection asks
 * for no credentials.
 */
async function readDescriptors(config: Config, isOpen: boolean, log: Logger) {
  if ((config.GRPC_REFLECTION ?? String(isOpen)) === 'false') return undefined;
  const descriptors = await readDescriptorSet();
  if (!descriptors) log.warn('no gRPC reflection: dist/chatsessions.binpb was not built (npm run build)');
  return descriptors;
}

/** Evicts regularly what other processes have changed. @returns a function that ends this */
function pollCatalog(freshness: Freshness, log: Logger): () => Promise<void> {
  const poll = setInterval(() => {
    freshness.poll().catch((error: unknown) => log.warn({ err: error }, 'catalogue not refreshed'));
  }, CATALOG_POLL_MS);
  return async () => clearInterval(poll);
}

/** Writes the counts of origin reports regularly. @returns a function that ends this and writes the last ones */
function writeOriginReports(originReports: Deps['originReports']): () => Promise<void> {
  const flush = setInterval(() => void originReports.flush(), ORIGIN_REPORTS_MS);
  return async () => {
    clearInterval(flush);
    await originReports.flush();
  };
}

/** Samples the wall clock regularly. @returns a function that ends this */
function sampleClock(date: Deps['date']): () => Promise<void> {
  const clock = setInterval(date, CLOCK_SAMPLE_MS);
  return async () => clearInterval(clock);
}

/** Listens on the address of a variable. @returns the address with its real port. @throws StartError */
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
