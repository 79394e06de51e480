import type { Socket } from 'node:net';
import { encodeDocument } from '../bson/encode.js';
import { errorReply, toMongoError } from '../mongo-error.js';
import { commandOf, type Serve } from './command.js';
import { createMessageCutter, encodeReply, parseRequest, type Request } from './wire.js';

/** How much is read ahead while a command runs, in bytes. */
const READ_AHEAD_BYTES = 256 * 1024;

/** What a connection needs. */
export interface ConnectionOptions {
  readonly id: number;
  readonly serve: Serve;
  /** How long a message that has begun may stand still, in milliseconds. */
  readonly stallMs: number;
}

/** One client's connection. */
export interface Connection {
  /** Takes no more commands, answers the one that runs, and ends. */
  finish(): void;
  destroy(): void;
}

/**
 * Serves one connection: one command after the other, answered in order. While a command runs, or the client does not
 * read its answers, little more is read (backpressure), so that a connection holds one message at most. A client that
 * sends bytes that are not the protocol is disconnected.
 */
export function serveConnection(socket: Socket, { id, serve, stallMs }: ConnectionOptions): Connection {
  const cutter = createMessageCutter();
  let busy = false;
  let finishing = false;
  let replies = 0;
  let stall: NodeJS.Timeout | undefined;

  const watch = () => {
    clearTimeout(stall);
    const { received } = cutter;
    if (busy || cutter.held === 0 || socket.destroyed) return;
    stall = setTimeout(() => {
      // This thread may itself have been busy: bytes that have arrived are read before the decision.
      setImmediate(() => (cutter.received === received ? socket.destroy() : undefined));
    }, stallMs);
  };

  const answer = async (request: Request): Promise<void> => {
    const document = await outcome(request);
    if (!request.wantsReply || socket.destroyed) return;
    const isTaken = socket.write(encodeReply(request, ++replies, document));
    if (!isTaken) await drained(socket);
  };

  const outcome = async (request: Request): Promise<Buffer> => {
    try {
      return encodeDocument(await serve(commandOf(request), id));
    } catch (thrown) {
      return encodeDocument(errorReply(toMongoError(thrown)));
    }
  };

  const work = async (): Promise<void> => {
    busy = true;
    try {
      for (let message = cutter.next(); message && !socket.destroyed; message = cutter.next()) {
        if (finishing) break;
        await answer(parseRequest(message));
      }
      busy = false;
      if (finishing) socket.end();
      else {
        if (socket.isPaused()) socket.resume();
        watch();
      }
    } catch {
      // Not the protocol: where the next message begins is unknown.
      busy = false;
      clearTimeout(stall);
      socket.destroy();
    }
  };

  socket.on('data', (chunk: Buffer) => {
    cutter.push(chunk);
    if (busy) {
      if (cutter.held > READ_AHEAD_BYTES) socket.pause();
    } else void work();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearTimeout(stall));

  return {
    finish() {
      finishing = true;
      if (!busy) socket.end();
    },
    destroy: () => void socket.destroy(),
  };
}

function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
