import type { Logger } from 'pino';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import type { StreamLimits } from '../conversations/watch/stream-caps.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { Config } from './config.js';
import { type Prepared, prepare } from './prepare.js';
import { type Serving, serveSurfaces } from './serve.js';
import { startWorkers } from './workers/workers.js';

/** The running service. Closing it answers the calls in flight, then stops; safe to call twice. */
export interface App extends Serving, Pick<Prepared, 'databaseUri' | 'applied' | 'isDemo' | 'failed'> {}

/** Settings of a start beside the configuration; tests use them to replace clocks and limits. */
export interface StartOptions {
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** The monotonic clock. Defaults to `now` if that is given, so that a test needs to control only one clock. */
  readonly elapsed?: Elapsed;
  /** Called after each applied tenant: its new identity secrets must be shown even when the start fails later. */
  readonly onApplied?: (applied: AppliedTenant) => void;
  /** The maximum of concurrent watches, without workers. */
  readonly watchLimits?: StreamLimits;
  /** How long a gRPC connection accepts new calls, in ms; by default unlimited with one process, else 5 min. */
  readonly maxConnectionAgeMs?: number;
}

/**
 * Starts the service: prepares keys, database and tenants once, then serves both surfaces, in this process or in
 * `WORKERS` worker processes.
 *
 * @throws StartError; nothing is left running then
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
