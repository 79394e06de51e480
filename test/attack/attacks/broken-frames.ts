import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { FLAG, FRAME, frame, grpcFields, headerBlock, PREFACE, settings, uint32 } from '../h2.js';
import { connectTo, repeatFor, reset, waitUntilFreed } from '../sockets.js';
import { createTally, figure } from '../tally.js';

/** Each is an error of the whole connection (RFC 9113, section 5.4.1). */
export const BROKEN_FRAMES: Readonly<Record<string, Buffer>> = {
  'DATA on stream 0': frame(FRAME.data, 0, 0, Buffer.from('x')),
  'HEADERS on stream 0': frame(FRAME.headers, FLAG.endHeaders, 0, headerBlock(grpcFields('/', undefined))),
  'HEADERS on an even stream': frame(
    FRAME.headers,
    FLAG.endHeaders,
    2,
    headerBlock(grpcFields('/', undefined)),
  ),
  'a header block that is none': frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.alloc(20, 0xff)),
  'SETTINGS of 5 bytes': frame(FRAME.settings, 0, 0, Buffer.alloc(5)),
  'SETTINGS on a stream': frame(FRAME.settings, 0, 1, Buffer.alloc(6)),
  'an acknowledgement with a payload': frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6)),
  'PING of 7 bytes': frame(FRAME.ping, 0, 0, Buffer.alloc(7)),
  'WINDOW_UPDATE of 0': frame(FRAME.windowUpdate, 0, 0, uint32(0)),
  'WINDOW_UPDATE beyond 2^31': Buffer.concat(
    [1, 2].map(() => frame(FRAME.windowUpdate, 0, 0, uint32(0x7fffffff))),
  ),
  'RST_STREAM of an idle stream': frame(FRAME.rstStream, 0, 7, uint32(8)),
  'PUSH_PROMISE of a client': frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(8)),
  'CONTINUATION of nothing': frame(FRAME.continuation, FLAG.endHeaders, 1, Buffer.alloc(4)),
  'a frame of 16 MB': Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), Buffer.alloc(100)]),
  'GOAWAY of 3 bytes': frame(FRAME.goAway, 0, 0, Buffer.alloc(3)),
};
const AT_A_TIME = 32;
/** Connections that this end keeps open, the last ones. */
const KEPT = 300;
/**
 * How long the service may take to let go of a broken connection, in ms: Node is not told of most of these errors, and
 * the service finds them by a frame of its own that does not leave.
 */
const FREED_MS = 8_000;

/** A connection that is broken for good must be let go of soon, whether its other end closes or not. */
export const brokenFrames: Attack = {
  name: 'grpc-broken-frames',
  shows:
    'thousands of connections that break HTTP/2, kept open or closed: their descriptors come back (gRPC)',
  seconds: 6,
  quickSeconds: 1,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const kinds = Object.values(BROKEN_FRAMES);
    const seen = createTally();
    const kept: Socket[] = [];
    let sent = 0;
    await repeatFor(ms, AT_A_TIME, async () => {
      const socket = await connectTo(target.grpc, target);
      if (socket === undefined) {
        seen.add('no connection');
        return;
      }
      const number = sent++;
      const isKept = number % 2 === 0;
      socket.on('data', () => {});
      const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
      socket.write(Buffer.concat([PREFACE, settings(), kinds[number % kinds.length] ?? Buffer.alloc(0)]));
      if (!isKept) {
        // Some time, so that the frame arrives, and not before the end does.
        await sleep(5);
        return reset(socket);
      }
      const outcome = await Promise.race([
        ended.then(() => 'ended'),
        sleep(100).then(() => 'not ended at once'),
      ]);
      seen.add(outcome);
      kept.push(socket);
      if (kept.length > KEPT) kept.shift()?.destroy();
    });
    const held = await waitUntilFreed(target.grpc, kept, FREED_MS);
    return {
      sent: `${figure(sent)} connections`,
      seen: `${seen.text()}; ${held} of ${kept.length} kept ones still open after ${FREED_MS / 1_000} s`,
      faults: held > 0 ? [`${held} broken connections are kept open`] : [],
    };
  },
};
