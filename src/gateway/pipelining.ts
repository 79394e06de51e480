import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What bounds the requests that a connection sends without waiting for answers (RFC 9112, section 9.3.2). */
export interface PipeliningLimits {
  /** How many requests of a connection are answered at a time. */
  readonly maxOpen: number;
  /**
   * How many more of a connection may wait: what Node has parsed from the last chunk of 64 KiB before reading pauses. A
   * connection that goes beyond it is closed.
   */
  readonly maxWaiting: number;
  /** How many may wait on all connections; the connection that goes beyond it is closed. */
  readonly maxWaitingInAll: number;
}

/** Some 2,000 bytes of memory each: at most 1 MB a connection, and 8 MB in all. */
export const PIPELINING: PipeliningLimits = { maxOpen: 8, maxWaiting: 512, maxWaitingInAll: 4_096 };

/** The requests of a connection. */
interface Lane {
  /** How many are begun and not answered. */
  open: number;
  readonly waiting: (() => void)[];
  /** The one that came last. */
  latest: IncomingMessage;
  isPaused: boolean;
  isStarting: boolean;
}

/** Lets the requests of each connection be answered a few at a time; while more of them wait, it is not read from. */
export interface Pipelining {
  /**
   * Begins the next request of a connection: at once, or when enough of those before it are answered.
   *
   * @returns false when it is one too many: then the connection is to be closed
   */
  begin(request: IncomingMessage, start: () => void): boolean;
  /** Says that a request that was begun is answered. */
  end(request: IncomingMessage): void;
  /** Whether all requests of a connection are answered, but for one that has not arrived whole. */
  isIdle(socket: Socket): boolean;
}

/** Makes the bounds of one server's connections. */
export function createPipelining(limits: PipeliningLimits = PIPELINING): Pipelining {
  const { maxOpen, maxWaiting, maxWaitingInAll } = limits;
  const lanes = new WeakMap<Socket, Lane>();
  let waitingInAll = 0;

  return {
    begin(request, start) {
      const lane = laneOf(request);
      lane.latest = request;
      if (lane.open < maxOpen && lane.waiting.length === 0) {
        lane.open++;
        start();
        return true;
      }
      if (lane.waiting.length >= maxWaiting || waitingInAll >= maxWaitingInAll) return false;
      lane.waiting.push(start);
      waitingInAll++;
      if (!lane.isPaused) {
        lane.isPaused = true;
        // Behind what this chunk makes Node do: it resumes the socket at the end of each message.
        process.nextTick(pause, request.socket);
      }
      return true;
    },

    end(request) {
      const lane = laneOf(request);
      lane.open--;
      // One that is answered at once comes back here: the loop that began it goes on.
      if (lane.isStarting) return;
      lane.isStarting = true;
      while (lane.open < maxOpen) {
        const start = lane.waiting.shift();
        if (start === undefined) break;
        waitingInAll--;
        lane.open++;
        start();
      }
      lane.isStarting = false;
      if (lane.isPaused && lane.waiting.length === 0) {
        lane.isPaused = false;
        resume(request.socket);
      }
    },

    isIdle(socket) {
      const lane = lanes.get(socket);
      return lane === undefined || lane.open === (lane.latest.complete ? 0 : 1);
    },
  };

  function laneOf(request: IncomingMessage): Lane {
    const { socket } = request;
    let lane = lanes.get(socket);
    if (lane === undefined) {
      const made: Lane = { open: 0, waiting: [], latest: request, isPaused: false, isStarting: false };
      lane = made;
      lanes.set(socket, made);
      socket.once('close', () => {
        waitingInAll -= made.waiting.length;
        made.waiting.length = 0;
      });
    }
    return lane;
  }
}

/**
 * Stops reading from a socket, and keeps it so: Node's HTTP server resumes its sockets whenever somebody wants to read
 * a request's body, which may be one that arrived long ago.
 */
function pause(socket: Socket): void {
  socket.pause();
  socket.resume = () => socket;
}

function resume(socket: Socket): void {
  // The method of its prototype again.
  Reflect.deleteProperty(socket, 'resume');
  socket.resume();
}
