import type { Server, Socket } from 'node:net';

/** What capping the connections of a port needs. */
export interface ConnectionCapDeps {
  /** The most connections that are open at once; see {@link connectionsPerPort}. */
  readonly max: number;
  /** Told why and how many connections were refused: at most once a second for each reason. */
  readonly onRefused: (refused: { readonly reason: string; readonly count: number }) => void;
  /** Called when the port is full. Closes a connection that can be spared. @returns whether it found one */
  readonly makeRoom?: () => boolean;
}

/**
 * Caps the connections of a server, so that one port cannot use up the process's descriptors. A connection over the cap
 * is closed at once. Call it when the server has its own `connection` listeners, before it listens.
 *
 * Not `server.maxConnections`: in a worker of node:cluster, Node 20 hands a refused connection back to the primary, which
 * gives it to the next worker, for ever when all are full (https://github.com/nodejs/node/pull/54927).
 */
export function capConnections(server: Server, { max, onRefused, makeRoom }: ConnectionCapDeps): void {
  const listeners = server.listeners('connection');
  const full = countPerSecond((count) => onRefused({ reason: `${max} connections are open`, count }));
  const failed = countPerSecond((count) => onRefused({ reason: 'accepting a connection failed', count }));
  let open = 0;

  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (open >= max && !makeRoom?.()) {
      socket.destroy();
      full();
      return;
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  });
  // EMFILE and its like. Without a listener they would end the process; that listening failed is told to who listens.
  server.on('error', ({ syscall }: NodeJS.ErrnoException) => {
    if (syscall === 'accept') failed();
  });
}

/** How often refusals are reported, in ms. */
const REPORT_MS = 1_000;

/** Counts calls, and reports their number at most once a second. */
function countPerSecond(report: (count: number) => void): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > 1) return;
    setTimeout(() => {
      report(count);
      count = 0;
    }, REPORT_MS).unref();
  };
}
