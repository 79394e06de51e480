import cluster from 'node:cluster';
import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { pause } from '../../time/pause.js';
import type { Addresses, Config } from '../config.js';
import type { Prepared } from '../prepare.js';
import type { Serving } from '../serve.js';
import { StartError } from '../start-error.js';
import { heartbeatIntervalMs } from './heartbeat.js';
import { runWorker } from './run-worker.js';
import type { WorkerSettings } from './worker.js';

/** What {@link startWorkers} needs. */
export interface WorkersOptions {
  readonly config: Config;
  /** What all workers share. */
  readonly prepared: Pick<Prepared, 'callers' | 'signingKeys' | 'databaseUri'>;
  readonly log: Logger;
  /** How long a gRPC connection accepts new calls, in ms; 5 min by default. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** How long the event loop of a worker may be blocked before the worker is replaced, in ms; 10 s by default. */
  readonly hungAfterMs?: number;
}

const WORKER_FILE = fileURLToPath(new URL('./worker.js', import.meta.url));
/**
 * The lifetime of a gRPC connection. A gRPC client stays on one connection, and so on one worker, as long as it can;
 * the limit makes it reconnect, so that a worker which started later gets its share of the load.
 */
const MAX_CONNECTION_AGE_MS = 5 * 60_000;
/** Longer than the time limit of a call, and far longer than any turn of the event loop. */
const HUNG_AFTER_MS = 10_000;
/** A worker that ends within this time of its start counts as an early death, in ms. */
const EARLY_MS = 10_000;

/**
 * Starts `WORKERS` worker processes that serve on the same ports, and replaces each one that ends.
 *
 * Port 0 means one free port for all workers; it stays the same as long as one of them is running. Closing lets each
 * worker answer its calls in flight and end; a worker that does not end in time is killed, so closing never hangs.
 *
 * @throws StartError when one of them cannot start; none is left running then
 */
export async function startWorkers(options: WorkersOptions): Promise<Serving> {
  const { config, log } = options;
  const { callers, signingKeys, databaseUri } = options.prepared;
  const { maxConnectionAgeMs = MAX_CONNECTION_AGE_MS, hungAfterMs = HUNG_AFTER_MS } = options;
  if (!cluster.isPrimary) throw new StartError('WORKERS cannot be used in a worker of node:cluster');
  // With SCHED_NONE the workers accept from one shared socket. With SCHED_RR the primary accepts: a connection that it
  // hands to a worker which has just died is lost (neither handed on nor closed), and none is accepted while it hangs.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: WORKER_FILE, args: [], serialization: 'advanced' });
  const settings: WorkerSettings = {
    ...{ config, callers, signingKeys, databaseUri },
    maxConnectionAgeMs,
    heartbeatMs: heartbeatIntervalMs(hungAfterMs),
  };

  const stopping = new AbortController();
  // One listener per worker, so that Node does not warn of a leak.
  setMaxListeners(config.WORKERS, stopping.signal);
  let isUp = false;

  /** Runs one worker and replaces it whenever it ends, until the service stops or the first start fails. */
  async function keepWorkerRunning(
    onListening: (addresses: Addresses) => void,
    onRefused: (error: StartError) => void,
  ): Promise<void> {
    for (let earlyDeaths = 0; !stopping.signal.aborted; ) {
      const exit = await runWorker({
        settings,
        stopping: stopping.signal,
        hungAfterMs,
        onListening(pid, addresses) {
          if (isUp) log.info({ worker: pid }, 'a worker took the place of another');
          onListening(addresses);
        },
        onHung: (pid) => log.error({ worker: pid, silentMs: hungAfterMs }, 'a worker hangs: it is killed'),
      });
      const { pid: worker, code, signal, reason, lifeMs } = exit;
      if (stopping.signal.aborted) {
        if (signal === 'SIGKILL') log.error({ worker }, 'a worker did not end in time');
        return;
      }
      if (!isUp) {
        const how = `WORKERS: one of them ended before it listened (${code ?? signal})`;
        onRefused(new StartError(reason ?? how));
        return;
      }
      earlyDeaths = lifeMs < EARLY_MS ? earlyDeaths + 1 : 0;
      const delayMs = restartDelayMs(earlyDeaths);
      const fields = { worker, code, signal, reason, delayMs };
      // Exit code 0: an operator sent SIGTERM to this worker.
      if (code === 0) log.info(fields, 'a worker ended');
      else log.error(fields, 'a worker died');
      await pause(delayMs, stopping.signal);
    }
  }

  const running: Promise<void>[] = [];
  const close = async () => {
    stopping.abort();
    await Promise.all(running);
  };
  try {
    const addresses = await new Promise<Addresses>((resolve, reject) => {
      let missing = config.WORKERS;
      const onListening = (addresses: Addresses) => {
        missing -= 1;
        if (missing === 0) resolve(addresses);
      };
      for (let n = 0; n < config.WORKERS; n++) running.push(keepWorkerRunning(onListening, reject));
    });
    isUp = true;
    return { addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The delay before a worker is replaced, in ms: exponential backoff from the fifth early death in a row, from 100 ms up
 * to 5 s, so that a crash loop does not consume the machine.
 */
export function restartDelayMs(earlyDeaths: number): number {
  return earlyDeaths < 5 ? 0 : Math.min(100 * 2 ** (earlyDeaths - 5), 5_000);
}
