import { utimesSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type SocketServerOptions, startSocketServer } from './socket-server.js';

/** How the worker is started. */
export interface WorkerInput extends SocketServerOptions {
  /** The lock file, touched every `heartbeatMs` as a sign of life to other machines. */
  readonly lockFile: string;
  readonly heartbeatMs: number;
}

/** The worker's one message, once it has started or failed to. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

const port = parentPort;
if (port) {
  const tell = (message: WorkerMessage) => port.postMessage(message);
  // The cast is safe: start-embedded-mongo.ts alone starts this thread.
  const input = workerData as WorkerInput;
  const fatal = (error: Error) => {
    throw error;
  };
  try {
    const server = await startSocketServer(input, fatal);
    const heartbeat = setInterval(() => {
      const now = new Date();
      try {
        utimesSync(input.lockFile, now, now);
      } catch {
        // A full disk, for instance. The next one may succeed.
      }
    }, input.heartbeatMs);
    port.once('message', async () => {
      await server.close();
      clearInterval(heartbeat);
      // All is written and closed. Without this a timer that is left would keep the thread.
      process.exit(0);
    });
    tell({ kind: 'ready' });
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    port.close();
  }
}
