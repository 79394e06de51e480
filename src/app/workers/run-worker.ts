import cluster from 'node:cluster';
import type { Addresses } from '../config.js';
import { type HeartbeatMonitor, monitorHeartbeat } from './heartbeat.js';
import type { WorkerMessage, WorkerSettings } from './worker.js';

/** How a worker process ended. */
export interface WorkerExit {
  readonly pid?: number | undefined;
  readonly code?: number | null;
  /** The signal that ended the process; null when it exited by itself. */
  readonly signal?: string | null;
  /** A sentence on why it could not start or was killed, if known. */
  readonly reason?: string | undefined;
  /** How long it ran, in ms. */
  readonly lifeMs: number;
}

/** How long a worker may take to end after SIGTERM, in ms: longer than the grace period of its calls. */
const STOP_MS = 10_000;

/** Settings and callbacks of {@link runWorker}. */
export interface RunWorkerOptions {
  readonly settings: WorkerSettings;
  readonly stopping: AbortSignal;
  /** How long its event loop may be blocked, in ms. */
  readonly hungAfterMs: number;
  readonly onListening: (pid: number | undefined, addresses: Addresses) => void;
  /** Called when a hung worker is about to be killed. */
  readonly onHung: (pid: number | undefined) => void;
}

/**
 * Runs one worker until it ends. When `stopping` is aborted the worker gets SIGTERM, and SIGKILL if it does not end in
 * time. It also gets SIGKILL when its event loop hangs; this is monitored from the moment its modules are loaded.
 *
 * @returns how it ended; never rejects
 */
export async function runWorker(options: RunWorkerOptions): Promise<WorkerExit> {
  const { settings, stopping, hungAfterMs, onListening, onHung } = options;
  const startedAt = performance.now();
  const toExit = (how: Omit<WorkerExit, 'lifeMs'>): WorkerExit => {
    return { ...how, lifeMs: performance.now() - startedAt };
  };
  try {
    const worker = cluster.fork();
    const { process: child } = worker;

    let reason: string | undefined;
    let heartbeat: HeartbeatMonitor | undefined;
    const killHung = () => {
      reason = `its event loop stood still for ${hungAfterMs / 1_000} s`;
      onHung(child.pid);
      // A blocked event loop cannot handle SIGTERM.
      child.kill('SIGKILL');
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') {
        worker.send(settings);
        if (!stopping.aborted) heartbeat = monitorHeartbeat(hungAfterMs, killHung);
      } else if (message.kind === 'beat') heartbeat?.beat(message);
      else if (message.kind === 'listening') onListening(child.pid, message.addresses);
      else reason = message.reason;
    });

    let deadline: NodeJS.Timeout | undefined;
    const stop = () => {
      // From now on the deadline covers a worker that hangs.
      heartbeat?.stop();
      child.kill('SIGTERM');
      deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    };
    stopping.addEventListener('abort', stop);
    const exit = await new Promise<WorkerExit>((resolve) => {
      child.once('close', (code: number | null, signal: string | null) => {
        resolve(toExit({ pid: child.pid, code, signal, reason }));
      });
      worker.on('error', ({ message }) => {
        // A worker with a pid has started: the error is a message that could not be sent, and `close` follows.
        if (child.pid !== undefined) return;
        // Node never removes a worker that failed to start for lack of a file descriptor.
        delete cluster.workers?.[worker.id];
        resolve(toExit({ reason: message }));
      });
    });
    stopping.removeEventListener('abort', stop);
    clearTimeout(deadline);
    heartbeat?.stop();
    return exit;
  } catch (error) {
    return toExit({ reason: error instanceof Error ? error.message : String(error) });
  }
}
