import cluster from 'node:cluster';
import type { Addresses } from '../config.js';
import { type HeartbeatWatch, watchHeartbeat } from './heartbeat.js';
import type { WorkerMessage, WorkerOrder } from './worker.js';

/** How a worker ended. */
export interface Ending {
  readonly pid?: number | undefined;
  readonly code?: number | null;
  /** What ended it, where it did not end itself. */
  readonly signal?: string | null;
  /** In a sentence why it could not start, where it is known. */
  readonly reason?: string | undefined;
  /** How long it was there, in ms. */
  readonly lifeMs: number;
}

/** How long a worker may take to end when it is told to, in ms: longer than it lets its calls take then. */
const STOP_MS = 10_000;

/** How a worker is run. */
export interface RunWorkerOptions {
  readonly order: WorkerOrder;
  readonly stopping: AbortSignal;
  /** How long its event loop may stand still, in ms. */
  readonly hungAfterMs: number;
  readonly onListening: (pid: number | undefined, addresses: Addresses) => void;
  /** It hangs, and is killed. */
  readonly onHung: (pid: number | undefined) => void;
}

/**
 * Runs a worker until it ends. It is told to end when `stopping` is aborted, and killed when it does not; it is killed
 * as well when its event loop stands still, once its modules are loaded.
 *
 * @returns how it ended; it never rejects
 */
export async function runWorker(options: RunWorkerOptions): Promise<Ending> {
  const { order, stopping, hungAfterMs, onListening, onHung } = options;
  const began = performance.now();
  const ending = (how: Omit<Ending, 'lifeMs'>): Ending => ({ ...how, lifeMs: performance.now() - began });
  try {
    const worker = cluster.fork();
    const { process: child } = worker;

    let reason: string | undefined;
    let heartbeat: HeartbeatWatch | undefined;
    const killHung = () => {
      reason = `its event loop stood still for ${hungAfterMs / 1_000} s`;
      onHung(child.pid);
      // A loop that stands still does not act on SIGTERM.
      child.kill('SIGKILL');
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') {
        worker.send(order);
        if (!stopping.aborted) heartbeat = watchHeartbeat(hungAfterMs, killHung);
      } else if (message.kind === 'beat') heartbeat?.beat(message);
      else if (message.kind === 'listening') onListening(child.pid, message.addresses);
      else reason = message.reason;
    });

    let deadline: NodeJS.Timeout | undefined;
    const stop = () => {
      // The deadline kills a worker that hangs from here on.
      heartbeat?.stop();
      child.kill('SIGTERM');
      deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    };
    stopping.addEventListener('abort', stop);
    const ended = await new Promise<Ending>((resolve) => {
      child.once('close', (code: number | null, signal: string | null) => {
        resolve(ending({ pid: child.pid, code, signal, reason }));
      });
      // Of a worker that is there, this is about a message that did not get through: its end is on its way.
      worker.on('error', ({ message }) => {
        if (child.pid !== undefined) return;
        // Node keeps a worker here for good when there was no free descriptor to start it with.
        delete cluster.workers?.[worker.id];
        resolve(ending({ reason: message }));
      });
    });
    stopping.removeEventListener('abort', stop);
    clearTimeout(deadline);
    heartbeat?.stop();
    return ended;
  } catch (error) {
    return ending({ reason: error instanceof Error ? error.message : String(error) });
  }
}
