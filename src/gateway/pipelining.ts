import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What bounds the requests that connections send without waiting for answers (RFC 9112, section 9.3.2). */
export interface PipeliningLimits {
  /** How many requests of a connection are answered at a time. */
  readonly maxOpen: number;
  /**
   * While so many are under way on all connections, each connection has only one: a visitor's request should not wait
   * for those of others behind each other.
   */
  readonly maxOpenInAll: number;
  /**
   * How many may wait on all connections, some 4 KB of memory each. A connection that goes beyond it is closed: it has
   * sent more than it can have answers to.
   */
  readonly maxWaiting: number;
}

export const PIPELINING: PipeliningLimits = { maxOpen: 8, maxOpenInAll: 256, maxWaiting: 8_192 };

/**
 * How much of what a connection sends is parsed at a time, in bytes. Reading can only pause between two pieces: of an
 * ordinary open of 200 bytes some twenty are in one.
 */
const PIECE_BYTES = 4_096;

/** The requests of a connection. */
interface Lane {
  /** How many are begun and not answered. */
  open: number;
  readonly waiting: (() => void)[];
  /** The one that came last. */
  latest: IncomingMessage | undefined;
  isStarting: boolean;
  /** Stops reading, and lets it go on. */
  readonly hold: () => void;
  readonly release: () => void;
}

/** Lets the requests of each connection be answered a few at a time; while more of them wait, it is not read from. */
export interface Pipelining {
  /** Adds a connection. */
  add(socket: Socket): void;
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
  /** The connection that has been idle longest; undefined when none is idle among the first that it looks at. */
  leastRecent(): Socket | undefined;
}

/** How many connections are looked at for an idle one: a full port must not cost a walk over all for each newcomer. */
const MAX_LOOKED_AT = 64;

/** Makes the bounds of one server's connections. */
export function createPipelining(limits: PipeliningLimits = PIPELINING): Pipelining {
  const { maxOpen, maxOpenInAll, maxWaiting } = limits;
  /** The one whose last request was answered first comes first. */
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
      // One that is answered at once comes back here: the loop that began it goes on.
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

    leastRecent() {
      let looked = 0;
      for (const [socket, { open, latest }] of lanes) {
        if (open === 0 && latest?.complete !== false && !socket.destroyed) return socket;
        if (++looked === MAX_LOOKED_AT) return undefined;
      }
      return undefined;
    },
  };
}

/**
 * Has a socket's bytes parsed in pieces. Node reads 64 KiB at once and parses all of it, which may be 300 opens or 2,500
 * requests of the shortest kind, each with its objects, before anybody can pause.
 */
function readInPieces(socket: Socket): void {
  const { push, _read } = socket;
  let rest: Buffer | undefined;
  const next = (bytes: Buffer): boolean => {
    rest = bytes.length > PIECE_BYTES ? bytes.subarray(PIECE_BYTES) : undefined;
    return push.call(socket, rest ? bytes.subarray(0, PIECE_BYTES) : bytes);
  };
  let hasEnded = false;

  // A listener has Node's parser take the bytes from the stream, and not from the system behind its back.
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
 * Makes a switch that stops reading from a socket, beside Node's own: Node pauses a socket whose answers are not taken,
 * resumes it when they are, and resumes it at the end of each request's body. It is read from when both want to.
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
