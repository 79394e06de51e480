import { utimesSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type ServerOptions, startServer } from './socket-server.js';

/** What the worker is started with. */
export interface WorkerInput extends ServerOptions {
  /** The lock file, touched now and then as a sign of life to other machines. */
  readonly lockFile: string;
  readonly heartbeatMs: number;
}

/** What the worker tells. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

const port = parentPort;
if (port) {
  const tell = (message: WorkerMessage) => port.postMessage(message);
  // The cast is safe: start.ts alone starts this thread.
  const input = workerData as WorkerInput;
  const fatal = (error: Error) => {
    throw error;
  };
  try {
    const server = await startServer(input, fatal);
    const heartbeat = setInterval(() => {
      const now = new Date();
      try {
        utimesSync(input.lockFile, now, now);
      } catch {
        // A sign of life that fails today may succeed tomorrow.
      }
    }, input.heartbeatMs);
    port.once('message', async () => {
      await server.close();
      clearInterval(heartbeat);
      // All is written and closed: nothing that is left, such as a timer, is to keep the thread.
      process.exit(0);
    });
    tell({ kind: 'ready' });
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    port.close();
  }
}
