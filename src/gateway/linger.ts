import type { Socket } from 'node:net';

/**
 * How much is read from a refused client, in bytes. Most clients send their whole request before they read the answer:
 * this lets bodies of up to 32 MiB be refused readably.
 */
const MAX_DROPPED_BYTES = 32 * 1024 * 1024;

const lingering = new WeakSet<Socket>();

/** Whether a connection was passed to {@link lingerAndClose}. What its HTTP parser still reports is of no interest. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Has a connection close after the answer that is being written to it: it sends the answer and the end of the stream,
 * then reads and drops what still arrives until the client closes its side, for at most `maxMs` and 32 MiB. Closing with
 * unread bytes would reset the connection, and the client might not see the answer (RFC 9112, section 9.6).
 *
 * What arrives from now on does not reach the HTTP parser, so it costs nothing but its transfer, whatever its framing.
 * The parser may still find requests in the last 64 KiB before: their server must not serve them.
 *
 * @param socket of a server with `allowHalfOpen`, as Node's HTTP servers are
 */
export function lingerAndClose(socket: Socket, maxMs: number, maxBytes = MAX_DROPPED_BYTES): void {
  if (socket.destroyed) return;
  lingering.add(socket);
  const timer = setTimeout(() => socket.destroy(), maxMs).unref();
  socket.once('close', () => clearTimeout(timer));
  let left = maxBytes;
  let isAnswered = false;
  let hasClientEnded = false;

  socket.push = (bytes: Buffer | null) => {
    if (bytes === null) {
      hasClientEnded = true;
      if (isAnswered) socket.destroy();
      return false;
    }
    left -= bytes.length;
    if (left < 0) socket.destroy();
    return true;
  };
  // Node calls this when it has written the answer, and would close both directions.
  socket.destroySoon = () => {
    isAnswered = true;
    socket.end(() => {
      if (hasClientEnded) socket.destroy();
    });
  };
}
