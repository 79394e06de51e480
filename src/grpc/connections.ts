import { once } from 'node:events';
import type { Http2Server, Http2Session } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { capConnections } from '../net/connection-cap.js';
import { listen } from '../net/listen.js';
import { probeOpenFiles } from '../net/open-files.js';
import type { Elapsed } from '../time/elapsed.js';
import type { GrpcBounds } from './bounds.js';

/** How long a connection may take for its last bytes when the server stops, in ms. */
const LAST_BYTES_MS = 1_000;
/** How long a connection may take to close, in ms, when its peer does not read the last bytes. */
const CLOSING_MS = 10_000;
/**
 * How often a quiet connection is pinged, in sweeps, beginning at once. One ping is not enough: the bytes that break a
 * connection may come together with the answer to that ping.
 */
const PING_SWEEPS = 10;
/**
 * For how many sweeps a ping may be unanswered: on a connection that cannot even send it, on another one, and on one
 * with open calls, which a client that is suspended for a moment should not lose.
 */
const STUCK_SWEEPS = 3;
const UNANSWERED_SWEEPS = 10;
const UNANSWERED_SWEEPS_WITH_CALLS = 30;
/**
 * After how many quiet sweeps a connection without calls may be closed for a new one when the port is full. One that
 * has not sent its HTTP/2 preface may after a quarter of the time for that.
 */
const SPARE_SWEEPS = 5;
/** How often the process checks that it has file descriptors left, in sweeps. */
const FILES_SWEEPS = 5;

/** What {@link createConnections} needs. */
export interface ConnectionsDeps {
  /** Serves the connections that `inject` gives it, and does not listen itself. */
  readonly http2Server: Http2Server;
  readonly inject: (socket: Socket) => void;
  /** Called with the number of connections that were refused or cut off for one reason. */
  readonly onRefused: (refused: { readonly reason: string; readonly count: number }) => void;
  readonly elapsed: Elapsed;
  readonly bounds: Pick<GrpcBounds, 'maxConnections' | 'openingMs'>;
}

/** The connections of a gRPC server. */
export interface Connections {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had */
  readonly listen: (host: string, port: number) => Promise<number>;
  /** Stops listening. */
  readonly stop: () => void;
  /** Closes all connections once their last bytes are sent; cuts off those that take too long. */
  readonly end: () => Promise<void>;
  /** Cuts off all connections. */
  readonly destroy: () => void;
  /** Cuts off clients that hold a connection without using it; to be called every second or so. */
  readonly sweep: (busy: ReadonlySet<Http2Session>) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly acceptedAt: number;
  session: Http2Session | undefined;
  /** Whether its client has sent the HTTP/2 preface and its settings. */
  isOpen: boolean;
  /** The bytes that had arrived by the last sweep, and the number of sweeps since they were fewer. */
  bytesRead: number;
  quietSweeps: number;
  /** Whether the last ping is answered, and for how many sweeps it is not. */
  isAnswering: boolean;
  unansweredSweeps: number;
  destroyedAt: number | undefined;
}

/**
 * Accepts connections for an HTTP/2 server and keeps track of their sockets, since Node's HTTP/2 has no time limit for
 * a silent client and does not close the socket of a client that broke the protocol.
 */
export function createConnections(deps: ConnectionsDeps): Connections {
  const { http2Server, inject, onRefused, elapsed } = deps;
  const { maxConnections: max, openingMs } = deps.bounds;
  /** By their addresses. */
  const connections = new Map<string, Connection>();
  /** The connections that may be closed when the port is full. */
  let spare: Connection[] = [];
  let sweeps = 0;

  const server = createServer((socket) => {
    const key = keyOf(socket);
    const connection: Connection = {
      ...{ socket, acceptedAt: elapsed(), session: undefined, isOpen: false },
      ...{ bytesRead: 0, quietSweeps: 0, isAnswering: true, unansweredSweeps: 0, destroyedAt: undefined },
    };
    // An earlier connection with these addresses was closed by its client, which Node has not noticed.
    connections.get(key)?.socket.destroy();
    connections.set(key, connection);
    socket.once('close', () => {
      if (connections.get(key) === connection) connections.delete(key);
    });
    // Errors need a listener of ours: the session's own goes with the session, and the socket may fail after that.
    socket.on('error', () => {});
    inject(socket);
  });
  capConnections(server, { max, onRefused, makeRoom });

  http2Server.on('session', (session) => {
    const connection = connections.get(keyOf(session.socket));
    if (connection === undefined) return;
    connection.session = session;
    session.once('remoteSettings', () => {
      connection.isOpen = true;
    });
  });

  function destroy(): void {
    for (const { socket } of connections.values()) socket.destroy();
  }

  /**
   * Closes the newest connection without calls, so that a new client gets in. A good client makes another connection;
   * the newest goes first, since the connections of an attack are newer than those of internal services.
   */
  function makeRoom(): boolean {
    for (let found = spare.pop(); found !== undefined; found = spare.pop()) {
      if (found.socket.destroyed || found.socket.bytesRead !== found.bytesRead) continue;
      found.socket.destroy();
      return true;
    }
    return false;
  }

  /** The reason to cut off a connection; undefined for a good one. */
  function faultOf(connection: Connection, session: Http2Session, hasCalls: boolean): string | undefined {
    const { socket } = connection;
    if (session.destroyed) {
      connection.destroyedAt ??= elapsed();
      return elapsed() - connection.destroyedAt < CLOSING_MS ? undefined : 'it did not close';
    }
    if (socket.bytesRead !== connection.bytesRead) {
      connection.bytesRead = socket.bytesRead;
      connection.quietSweeps = 0;
      connection.isAnswering = true;
      return undefined;
    }
    connection.quietSweeps += 1;
    if (connection.isAnswering && connection.quietSweeps % PING_SWEEPS === 1) {
      connection.isAnswering = false;
      connection.unansweredSweeps = 0;
      session.ping(() => {
        connection.isAnswering = true;
        // The bytes of the answer to a ping are no sign of use.
        connection.bytesRead = socket.bytesRead;
      });
    }
    if (connection.isAnswering) return undefined;
    connection.unansweredSweeps += 1;
    // After a connection error nghttp2 sends GOAWAY and stops, but does not report most such errors to Node, which then
    // neither reads from the socket nor closes it. The sign is a ping that never leaves; if the client is gone by then,
    // the ping leaves and is not answered.
    const isStuck = (session.state.outboundQueueSize ?? 0) > 0;
    const most = hasCalls ? UNANSWERED_SWEEPS_WITH_CALLS : isStuck ? STUCK_SWEEPS : UNANSWERED_SWEEPS;
    return connection.unansweredSweeps >= most ? 'it did not answer' : undefined;
  }

  return {
    listen: (host, port) => listen(server, host, port),

    stop: () => {
      server.close();
    },

    async end() {
      for (const { session, socket } of connections.values()) {
        if (session === undefined) socket.destroy();
        else session.close();
      }
      const cut = setTimeout(destroy, LAST_BYTES_MS);
      await Promise.all(
        [...connections.values()].map(({ socket }) => socket.closed || once(socket, 'close')),
      );
      clearTimeout(cut);
    },

    destroy,

    sweep(busy) {
      const time = elapsed();
      const faults = new Map<string, number>();
      const cut = ({ socket }: Connection, fault: string) => {
        socket.destroy();
        faults.set(fault, (faults.get(fault) ?? 0) + 1);
      };
      spare = [];
      for (const connection of connections.values()) {
        const { session, isOpen, acceptedAt } = connection;
        if (!isOpen || session === undefined) {
          if (time - acceptedAt >= openingMs) cut(connection, 'it did not begin');
          else if (time - acceptedAt >= openingMs / 4) spare.push(connection);
          continue;
        }
        const hasCalls = busy.has(session);
        const fault = faultOf(connection, session, hasCalls);
        if (fault !== undefined) cut(connection, fault);
        else if (connection.quietSweeps >= SPARE_SWEEPS && !hasCalls) spare.push(connection);
      }
      for (const [fault, count] of faults) onRefused({ reason: `a connection was closed: ${fault}`, count });

      sweeps += 1;
      if (sweeps % FILES_SWEEPS === 0) {
        probeOpenFiles((code) =>
          onRefused({ reason: `no descriptor is left for connections: ${code}`, count: 1 }),
        );
      }
    },
  };
}

/** The addresses of a connection, which a TLS socket has in common with the socket beneath it. */
function keyOf({
  localAddress,
  remoteAddress,
  remotePort,
}: Pick<Socket, 'localAddress' | 'remoteAddress' | 'remotePort'>) {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
