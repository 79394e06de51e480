import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { openCursors } from '../commands/cursors.js';
import { serveCommands } from '../commands/table.js';
import { type Connection, serveConnection } from '../protocol/connection.js';
import { openCollections } from '../storage/collections.js';
import { openCommitQueue } from '../storage/commit-queue.js';
import { sweepExpired } from '../storage/expiry.js';
import { openStore } from '../storage/store.js';

/** How the server is started within its thread. */
export interface SocketServerOptions {
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
export interface SocketServer {
  /** Answers what is under way, closes all connections and the store. */
  close(): Promise<void>;
}

/** How long clients have to read their last answers, in milliseconds. */
const GRACE_MS = 1000;

/** Serves a store on a Unix socket. @param fatal is called when it can serve no longer */
export async function startSocketServer(
  options: SocketServerOptions,
  fatal: (error: Error) => void,
): Promise<SocketServer> {
  const now = options.now ?? (() => new Date());
  const store = openStore(options.file);
  const collections = openCollections(store);
  const documents = { store, collections };
  const queue = openCommitQueue(store, collections, fatal);
  const cursors = openCursors(() => performance.now(), options.cursorTimeoutMs);
  const serve = serveCommands({ ...documents, queue, cursors, now });
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
      await sweepExpired(documents, queue, now(), () => isClosing);
    } catch {
      // A full disk, for instance. The next sweep tries again.
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
      await queue.idle();
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, GRACE_MS);
      await closed;
      clearTimeout(cut);
      await queue.idle();
      await store.close();
    },
  };
}
