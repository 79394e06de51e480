import type { Server, Socket } from 'node:net';
import type { Elapsed } from '../time/elapsed.js';

/** What {@link closeSlowReaders} needs. */
export interface SlowReadersDeps {
  /** How long the client of a connection may take no byte of what is sent to it, in ms. */
  readonly maxStallMs: number;
  readonly elapsed: Elapsed;
  /** Called for each connection that is closed. */
  readonly onClosed: () => void;
}

/** How often connections are checked within `maxStallMs`. */
const CHECKS = 6;

/** How many bytes the client of a connection has taken, and since when it was no more. */
interface Progress {
  taken: number;
  since: number;
}

/**
 * Closes the connections whose clients do not read their answers. Each of them keeps an answer in memory, and all that
 * is queued behind it.
 *
 * @returns a function that stops the checks
 */
export function closeSlowReaders(server: Server, deps: SlowReadersDeps): () => void {
  const { maxStallMs, elapsed, onClosed } = deps;
  const sockets = new Map<Socket, Progress>();

  server.on('connection', (socket: Socket) => {
    sockets.set(socket, { taken: 0, since: elapsed() });
    socket.once('close', () => sockets.delete(socket));
  });

  const timer = setInterval(() => {
    const time = elapsed();
    for (const [socket, progress] of sockets) {
      const taken = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0 || taken !== progress.taken) {
        progress.taken = taken;
        progress.since = time;
      } else if (time - progress.since >= maxStallMs) {
        onClosed();
        socket.destroy();
      }
    }
  }, maxStallMs / CHECKS);
  timer.unref();
  return () => clearInterval(timer);
}
