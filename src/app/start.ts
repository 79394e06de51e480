import type { Logger } from 'pino';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import type { StreamLimits } from '../conversations/stream-caps.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { Config } from './config.js';
import { type Prepared, prepare } from './prepare.js';
import { type Serving, serveSurfaces } from './serve.js';
import { startWorkers } from './workers/workers.js';

/** The running service. Closing it answers what is under way, then stops; safe to call twice. */
export interface App extends Serving, Pick<Prepared, 'databaseUri' | 'applied' | 'isDemo' | 'failed'> {}

/** What the service takes from its surroundings; tests put their own in place. */
export interface StartOptions {
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

/**
 * Brings the service up: what is done once, then the two surfaces, which several processes serve where `WORKERS` says so.
 *
 * @throws StartError when something in its surroundings is in the way; nothing is left running then
 */
export async function start(config: Config, options: StartOptions): Promise<App> {
  const { log, now = Date.now, onApplied, watchLimits, maxConnectionAgeMs } = options;
  const { elapsed = options.now ?? monotonic } = options;
  const prepared = await prepare(config, { log, now, onApplied });
  try {
    const serving =
      config.WORKERS > 1
        ? await startWorkers({ config, prepared, log, maxConnectionAgeMs })
        : await serveSurfaces(config, prepared, { log, now, elapsed, watchLimits, maxConnectionAgeMs });
    const { databaseUri, applied, isDemo, failed } = prepared;
    const close = async () => {
      await serving.close();
      await prepared.close();
    };
    return { addresses: serving.addresses, databaseUri, applied, isDemo, failed, close };
  } catch (error) {
    await prepared.close();
    throw error;
  }
}
