import type { Server, Socket } from 'node:net';

/** What {@link capConnections} needs. */
export interface ConnectionCapDeps {
  /** The most connections that are open at once; see {@link connectionsPerPort}. */
  readonly max: number;
  /** Called with the number of refused connections, at most once a second for each reason. */
  readonly onRefused: (refused: { readonly reason: string; readonly count: number }) => void;
  /** Called when the port is full: closes an idle connection. @returns whether there was one */
  readonly makeRoom?: () => boolean;
}

/**
 * Caps the connections of a server, so that one port cannot use up the process's file descriptors. A connection over
 * the cap is closed at once. It wraps the `connection` listeners that the server has by then: call it after they are
 * added.
 *
 * `server.maxConnections` would not do: in a worker of node:cluster, Node 20 hands a refused connection back to the
 * primary, which gives it to the next worker, endlessly when all are full (https://github.com/nodejs/node/pull/54927).
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
  // EMFILE and the like, which would end the process without a listener. The caller of `listen` has its own for
  // failures to listen.
  server.on('error', ({ syscall }: NodeJS.ErrnoException) => {
    if (syscall === 'accept') failed();
  });
}

/** How often refusals are reported, in ms. */
const REPORT_MS = 1_000;

/** Counts calls, and reports their number once a second while there are any. */
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
