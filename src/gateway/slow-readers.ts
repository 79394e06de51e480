import type { Server, Socket } from 'node:net';
import type { Elapsed } from '../time/elapsed.js';

/** What watching for slow readers needs. */
export interface SlowReadersParts {
  /** How long a connection may have something to send without any of it being taken, in ms. */
  readonly maxStallMs: number;
  readonly elapsed: Elapsed;
  /** Told of each connection that is closed. */
  readonly onClosed: () => void;
}

/** How often connections are looked at, for each `maxStallMs`. */
const LOOKS = 6;

/** How far a connection has got. */
interface Progress {
  taken: number;
  since: number;
}

/**
 * Closes the connections whose clients do not read their answers: each would hold an answer, and what is queued behind
 * it, for as long as it likes.
 *
 * @returns ends the watch
 */
export function closeSlowReaders(server: Server, parts: SlowReadersParts): () => void {
  const { maxStallMs, elapsed, onClosed } = parts;
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
  }, maxStallMs / LOOKS);
  timer.unref();
  return () => clearInterval(timer);
}
