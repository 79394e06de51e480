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
/** How long a connection may take to close, in ms: its peer may not read the last bytes. */
const CLOSING_MS = 10_000;
/**
 * How often a quiet connection gets a ping, in sweeps; the first one at once. More than once, since what breaks it may
 * come with the answer to a ping.
 */
const PING_SWEEPS = 10;
/**
 * For how many sweeps a ping may wait for its answer: where it cannot even be sent, else, and on a connection with open
 * calls. A good client that is suspended for a moment would lose these.
 */
const STUCK_SWEEPS = 3;
const UNANSWERED_SWEEPS = 10;
const UNANSWERED_SWEEPS_WITH_CALLS = 30;
/**
 * After how many quiet sweeps a connection without calls can be spared when the port is full; one that has not begun
 * can after a quarter of its time.
 */
const SPARE_SWEEPS = 5;
/** How often it is looked whether files can be opened, in sweeps. */
const FILES_SWEEPS = 5;

/** What accepting the connections of an HTTP/2 server needs. */
export interface ConnectionsDeps {
  /** Serves the connections that it is given; it does not listen itself. */
  readonly http2Server: Http2Server;
  readonly inject: (socket: Socket) => void;
  /** Told why and how many connections were refused or cut off. */
  readonly onRefused: (refused: { readonly reason: string; readonly count: number }) => void;
  readonly elapsed: Elapsed;
  readonly bounds: Pick<GrpcBounds, 'maxConnections' | 'openingMs'>;
}

/** The connections of a gRPC server. */
export interface Connections {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had */
  readonly listen: (host: string, port: number) => Promise<number>;
  /** Takes no more connections. */
  readonly stop: () => void;
  /** Closes all connections when what is left to send is sent, and cuts off those that take too long for that. */
  readonly end: () => Promise<void>;
  /** Cuts off all connections. */
  readonly destroy: () => void;
  /** Cuts off what holds a connection and does not use it; to be called every second or so. */
  readonly sweep: (busy: ReadonlySet<Http2Session>) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly acceptedAt: number;
  session: Http2Session | undefined;
  /** Whether its client has sent the HTTP/2 preface and its settings. */
  isOpen: boolean;
  /** How much had arrived at the last sweep, and how many sweeps ago it was less. */
  bytesRead: number;
  quietSweeps: number;
  /** Whether the last ping was answered; until then, for how many sweeps it was not. */
  isAnswering: boolean;
  unansweredSweeps: number;
  destroyedAt: number | undefined;
}

/**
 * Accepts connections for an HTTP/2 server, and keeps hold of their sockets: Node's HTTP/2 has no time limit for a
 * client that does not speak, and keeps the socket of a client that broke the protocol.
 */
export function createConnections(deps: ConnectionsDeps): Connections {
  const { http2Server, inject, onRefused, elapsed } = deps;
  const { maxConnections: max, openingMs } = deps.bounds;
  /** By the address of the client. */
  const connections = new Map<string, Connection>();
  /** What can be closed when the port is full. */
  let spare: Connection[] = [];
  let sweeps = 0;

  const server = createServer((socket) => {
    const key = keyOf(socket);
    const connection: Connection = {
      ...{ socket, acceptedAt: elapsed(), session: undefined, isOpen: false },
      ...{ bytesRead: 0, quietSweeps: 0, isAnswering: true, unansweredSweeps: 0, destroyedAt: undefined },
    };
    // The client has closed the connection that had its address before, and Node has not noticed.
    connections.get(key)?.socket.destroy();
    connections.set(key, connection);
    socket.once('close', () => {
      if (connections.get(key) === connection) connections.delete(key);
    });
    // Its 'close' follows. The session's own listener is gone when the session is, and the socket may still fail then.
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
   * Closes a connection without calls: a good client makes another one, and a new client gets in. The newest first: those
   * of an attack are newer than those of the engines.
   */
  function makeRoom(): boolean {
    for (let found = spare.pop(); found !== undefined; found = spare.pop()) {
      if (found.socket.destroyed || found.socket.bytesRead !== found.bytesRead) continue;
      found.socket.destroy();
      return true;
    }
    return false;
  }

  /** Why a connection has to go; undefined for a good one. */
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
        // The answer to the ping alone is no sign of use.
        connection.bytesRead = socket.bytesRead;
      });
    }
    if (connection.isAnswering) return undefined;
    connection.unansweredSweeps += 1;
    // After a connection error nghttp2 says GOAWAY and is done, but of most such errors Node is not told: it neither
    // reads from the socket nor closes it. What shows it at once is that the ping never leaves. Where the client is gone
    // by then it leaves, and is not answered.
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

/** What tells the connections of a port apart: a TLS socket has it of the socket beneath it. */
function keyOf({
  localAddress,
  remoteAddress,
  remotePort,
}: Pick<Socket, 'localAddress' | 'remoteAddress' | 'remotePort'>) {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
