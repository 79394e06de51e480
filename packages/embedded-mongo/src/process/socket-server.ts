import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { commandTable } from '../commands/command-table.js';
import { openCursors } from '../commands/cursors.js';
import { type Connection, serveConnection } from '../protocol/connection.js';
import { openBursts } from '../storage/burst.js';
import { openCatalog } from '../storage/collections.js';
import { openStore } from '../storage/store.js';
import { sweepExpired } from '../storage/ttl.js';

/** What the server, within its thread, is started with. */
export interface ServerOptions {
  /** The file of the store. */
  readonly file: string;
  readonly socketPath: string;
  /** Milliseconds between two sweeps of expired documents. */
  readonly ttlSweepMs: number;
  /** Milliseconds that a message which has begun may stand still. */
  readonly stallMs: number;
  /** Milliseconds after which a cursor that nobody asks for is dropped. */
  readonly cursorTimeoutMs: number;
  readonly now?: () => Date;
}

/** A running server. */
export interface Server {
  /** Answers what is under way, closes all connections and the store. */
  close(): Promise<void>;
}

/** How long clients have to take their last answers, in milliseconds. */
const graceMs = 1000;

/** Starts to serve. @param fatal is told when it can go on no more. */
export async function startServer(options: ServerOptions, fatal: (error: Error) => void): Promise<Server> {
  const now = options.now ?? (() => new Date());
  const store = openStore(options.file);
  const catalog = openCatalog(store);
  const documents = { store, catalog };
  const bursts = openBursts(store, catalog, fatal);
  const cursors = openCursors(() => performance.now(), options.cursorTimeoutMs);
  const serve = commandTable({ ...documents, bursts, cursors, now });
  const connections = new Set<Connection>();
  let lastId = 0;
  let isClosing = false;

  const listener = createServer((socket) => {
    const connection = serveConnection(socket, { id: ++lastId, serve, stallMs: options.stallMs });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ path: options.socketPath, backlog: 1024 }, resolve);
  });
  listener.on('error', fatal);
  chmodSync(options.socketPath, 0o600);

  let sweeping: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const sweep = async () => {
    cursors.sweep();
    try {
      await sweepExpired(documents, bursts, now(), () => isClosing);
    } catch {
      // No room, say: the next sweep tries again.
    }
  };
  const plan = () => {
    timer = setTimeout(() => {
      sweeping = sweep().finally(() => {
        if (!isClosing) plan();
      });
    }, options.ttlSweepMs);
  };
  plan();

  return {
    async close() {
      isClosing = true;
      clearTimeout(timer);
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const connection of connections) connection.finish();
      await sweeping;
      await bursts.idle();
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, graceMs);
      await closed;
      clearTimeout(cut);
      await bursts.idle();
      await store.close();
    },
  };
}
