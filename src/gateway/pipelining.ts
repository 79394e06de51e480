import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The limits of pipelined requests: those sent without waiting for answers (RFC 9112, section 9.3.2). */
export interface PipeliningLimits {
  /** How many requests of one connection are in flight at most. */
  readonly maxOpen: number;
  /**
   * While so many are in flight on all connections, each connection has only one, so that a visitor's request does not
   * queue behind the pipelined requests of others.
   */
  readonly maxOpenInAll: number;
  /**
   * How many may wait on all connections together, some 4 KB of memory each. A connection that sends another one is
   * closed.
   */
  readonly maxWaiting: number;
}

/** The service's limits. */
const PIPELINING: PipeliningLimits = { maxOpen: 8, maxOpenInAll: 256, maxWaiting: 8_192 };

/**
 * How many bytes of a connection are parsed at a time. Reading can pause only between two such pieces; one holds some
 * twenty ordinary opens of 200 bytes.
 */
const PIECE_BYTES = 4_096;

/** The requests of one connection. */
interface Lane {
  /** How many are in flight. */
  open: number;
  readonly waiting: (() => void)[];
  /** The request that came last. */
  latest: IncomingMessage | undefined;
  isStarting: boolean;
  /** Stops reading from the connection, and starts again. */
  readonly hold: () => void;
  readonly release: () => void;
}

/** Backpressure for pipelined requests: each connection has a few in flight, and is not read from while more wait. */
export interface Pipelining {
  /** Adds a connection. */
  add(socket: Socket): void;
  /**
   * Starts the next request of a connection, at once or when enough earlier ones are answered.
   *
   * @returns false when too many wait already, and the caller has to close the connection
   */
  begin(request: IncomingMessage, start: () => void): boolean;
  /** To be called when a request that was started is answered. */
  end(request: IncomingMessage): void;
  /** Whether a connection has no request in flight, apart from one that is still arriving. */
  isIdle(socket: Socket): boolean;
  /** Finds the connection that has been idle longest; undefined when none of the first 64 is idle. */
  longestIdle(): Socket | undefined;
}

/** How many connections are searched for an idle one, so that a full port does not search all for each newcomer. */
const MAX_SEARCHED = 64;

/** Makes the pipelining of one server. */
export function createPipelining(limits: PipeliningLimits = PIPELINING): Pipelining {
  const { maxOpen, maxOpenInAll, maxWaiting } = limits;
  /** By the time of their last answer, longest ago first. */
  const lanes = new Map<Socket, Lane>();
  let openInAll = 0;
  let waitingInAll = 0;
  const hasRoom = ({ open }: Lane) => open === 0 || (open < maxOpen && openInAll < maxOpenInAll);
  const run = (lane: Lane, start: () => void) => {
    lane.open++;
    openInAll++;
    start();
  };

  return {
    add(socket) {
      const lane: Lane = { open: 0, waiting: [], latest: undefined, isStarting: false, ...makeHold(socket) };
      lanes.set(socket, lane);
      readInPieces(socket);
      socket.once('close', () => {
        lanes.delete(socket);
        waitingInAll -= lane.waiting.length;
        lane.waiting.length = 0;
      });
    },

    begin(request, start) {
      const { socket } = request;
      const lane = lanes.get(socket);
      if (lane === undefined) return false;
      lane.latest = request;
      if (lane.waiting.length === 0 && hasRoom(lane)) {
        run(lane, start);
        return true;
      }
      if (waitingInAll >= maxWaiting) return false;
      if (lane.waiting.length === 0) lane.hold();
      lane.waiting.push(start);
      waitingInAll++;
      return true;
    },

    end({ socket }) {
      openInAll--;
      const lane = lanes.get(socket);
      if (lane === undefined) return;
      lane.open--;
      if (lane.open === 0) {
        lanes.delete(socket);
        lanes.set(socket, lane);
      }
      // A request that is answered at once calls this again, inside the loop below, which then goes on.
      if (lane.isStarting || lane.waiting.length === 0) return;
      lane.isStarting = true;
      while (hasRoom(lane)) {
        const start = lane.waiting.shift();
        if (start === undefined) break;
        waitingInAll--;
        run(lane, start);
      }
      lane.isStarting = false;
      if (lane.waiting.length === 0) lane.release();
    },

    isIdle(socket) {
      const lane = lanes.get(socket);
      return lane === undefined || lane.open === (lane.latest?.complete === false ? 1 : 0);
    },

    longestIdle() {
      let searched = 0;
      for (const [socket, { open, latest }] of lanes) {
        if (open === 0 && latest?.complete !== false && !socket.destroyed) return socket;
        if (++searched === MAX_SEARCHED) return undefined;
      }
      return undefined;
    },
  };
}

/**
 * Has Node parse the bytes of a socket in small pieces. Node reads 64 KiB at a time and parses all of it before reading
 * can pause, which may be 300 opens, or 2,500 of the shortest requests, each with its objects.
 */
function readInPieces(socket: Socket): void {
  const { push, _read } = socket;
  let rest: Buffer | undefined;
  const next = (bytes: Buffer): boolean => {
    rest = bytes.length > PIECE_BYTES ? bytes.subarray(PIECE_BYTES) : undefined;
    return push.call(socket, rest ? bytes.subarray(0, PIECE_BYTES) : bytes);
  };
  let hasEnded = false;

  // With a listener Node's parser gets its bytes through the stream; without one it reads the file descriptor itself.
  socket.on('data', () => {});
  socket.push = (bytes: Buffer | null) => {
    if (bytes !== null) return next(rest ? Buffer.concat([rest, bytes]) : bytes) && rest === undefined;
    hasEnded = rest !== undefined;
    return hasEnded ? false : push.call(socket, null);
  };
  socket._read = (size) => {
    if (rest !== undefined) next(rest);
    else if (hasEnded) push.call(socket, null);
    else _read.call(socket, size);
  };
}

/**
 * Makes a second switch for reading from a socket, beside Node's own. Node pauses a socket whose answers are not read,
 * and resumes it when they are and at the end of each request's body. The socket is read when both switches allow it.
 */
function makeHold(socket: Socket): Pick<Lane, 'hold' | 'release'> {
  const { pause, resume } = socket;
  let isHeld = false;
  let isPausedByNode = false;
  socket.pause = () => {
    isPausedByNode = true;
    return pause.call(socket);
  };
  socket.resume = () => {
    isPausedByNode = false;
    return isHeld ? socket : resume.call(socket);
  };
  return {
    hold() {
      isHeld = true;
      pause.call(socket);
    },
    release() {
      isHeld = false;
      if (!isPausedByNode) resume.call(socket);
    },
  };
}
