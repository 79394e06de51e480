import cluster from 'node:cluster';
import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { pause } from '../../time/pause.js';
import type { Addresses, Config } from '../config.js';
import type { Prepared } from '../prepare.js';
import type { Serving } from '../serve.js';
import { StartError } from '../start-error.js';
import { beatMs } from './heartbeat.js';
import { runWorker } from './run-worker.js';
import type { WorkerOrder } from './worker.js';

/** What starting the workers needs. */
export interface WorkersOptions {
  readonly config: Config;
  /** What all of them share. */
  readonly prepared: Pick<Prepared, 'callers' | 'signingKeys' | 'databaseUri'>;
  readonly log: Logger;
  /** How long a gRPC connection takes new calls, in ms: 5 min unless set. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** How long the event loop of a worker may stand still before it is replaced, in ms: 10 s unless set. */
  readonly hungAfterMs?: number;
}

const WORKER_FILE = fileURLToPath(new URL('./worker.js', import.meta.url));
/**
 * A gRPC client keeps to its connection, hence to one worker, for as long as both live: this has it choose anew, so
 * that a worker which came later gets its share.
 */
const MAX_CONNECTION_AGE_MS = 5 * 60_000;
/** Longer than any call takes, and than any turn of the event loop by far. */
const HUNG_AFTER_MS = 10_000;
/** A worker that ends sooner than this after its start has died young, in ms. */
const YOUNG_MS = 10_000;

/**
 * Starts `WORKERS` processes that serve on the same ports, and keeps as many running: one that ends is replaced.
 *
 * The workers only serve: what is done once has been prepared. Port 0 is some free port, the same one for all, for as
 * long as one of them is there. Closing has each answer what is under way and ends it; it never hangs.
 *
 * @throws StartError when one of them cannot start; none is left running then
 */
export async function startWorkers(options: WorkersOptions): Promise<Serving> {
  const { config, log } = options;
  const { callers, signingKeys, databaseUri } = options.prepared;
  const { maxConnectionAgeMs = MAX_CONNECTION_AGE_MS, hungAfterMs = HUNG_AFTER_MS } = options;
  if (!cluster.isPrimary) throw new StartError('WORKERS cannot be used in a worker of node:cluster');
  // The workers accept from one socket by themselves. With SCHED_RR the primary accepts, and a connection that it gives
  // to a worker which has just died is lost: neither handed to another nor closed. Nor would it accept while it hangs.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: WORKER_FILE, args: [], serialization: 'advanced' });
  const order: WorkerOrder = {
    ...{ config, callers, signingKeys, databaseUri },
    maxConnectionAgeMs,
    beatMs: beatMs(hungAfterMs),
  };

  const stopping = new AbortController();
  // One of each worker.
  setMaxListeners(config.WORKERS, stopping.signal);
  let isUp = false;

  /** Keeps one worker running until the service stops, or until it cannot start in the first place. */
  async function keepOne(
    onListening: (addresses: Addresses) => void,
    onRefused: (error: StartError) => void,
  ): Promise<void> {
    for (let strikes = 0; !stopping.signal.aborted; ) {
      const ending = await runWorker({
        order,
        stopping: stopping.signal,
        hungAfterMs,
        onListening(pid, addresses) {
          if (isUp) log.info({ worker: pid }, 'a worker took the place of another');
          onListening(addresses);
        },
        onHung: (pid) => log.error({ worker: pid, silentMs: hungAfterMs }, 'a worker hangs: it is killed'),
      });
      const { pid: worker, code, signal, reason, lifeMs } = ending;
      if (stopping.signal.aborted) {
        if (signal === 'SIGKILL') log.error({ worker }, 'a worker did not end in time');
        return;
      }
      if (!isUp) {
        const how = `WORKERS: one of them ended before it listened (${code ?? signal})`;
        onRefused(new StartError(reason ?? how));
        return;
      }
      strikes = lifeMs < YOUNG_MS ? strikes + 1 : 0;
      const delayMs = restartDelayMs(strikes);
      const fields = { worker, code, signal, reason, delayMs };
      // Somebody told it to end, and it did.
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
      for (let n = 0; n < config.WORKERS; n++) running.push(keepOne(onListening, reject));
    });
    isUp = true;
    return { addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * How long to wait before a worker is replaced, in ms: not at all, unless it is one of several in a row that died
 * young. Then it doubles, up to 5 s, so that what kills them does not also take the machine.
 */
export function restartDelayMs(strikes: number): number {
  return strikes < 5 ? 0 : Math.min(100 * 2 ** (strikes - 5), 5_000);
}
