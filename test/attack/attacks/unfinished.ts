import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { FLAG, FRAME, frame, grpcFields, grpcMessage, headerBlock } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { figure } from '../tally.js';

const PATH = '/chatsessions.v1.ChatSessions/OpenSession';
/** Calls of one connection: what the service allows at once. */
const CALLS = 1_000;
/** How long a call may take to send its message, in ms, with room for a busy machine. */
const CUT_MS = 12_500;
/** How often a call that sends empty frames sends one, in ms. */
const EMPTY_MS = 1_000;

const message = grpcMessage(Buffer.from(`\n\x28pk_live_${'0'.repeat(32)}`));

/** What each kind of call sends after its headers. */
const KINDS: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'half a prefix': message.subarray(0, 3),
  'half a message': message.subarray(0, 20),
  'empty frames': Buffer.alloc(0),
};

/** Calls whose message never ends, with a token and without one. */
export const unfinishedCalls: Attack = {
  name: 'grpc-unfinished',
  shows: 'thousands of calls that send half a message, or none, and never end: cut after 10 s (gRPC)',
  seconds: 13,
  quickSeconds: 1.5,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const until = performance.now() + ms;
    const plain = headerBlock(grpcFields(PATH, undefined));
    const known = headerBlock(grpcFields(PATH, target.engineToken));
    const open = await Promise.all(
      Object.entries(KINDS).map(async ([kind, bytes]) => {
        const connection = await openH2(target);
        for (let n = 0; n < CALLS; n++) {
          const stream = 2 * n + 1;
          connection?.write(frame(FRAME.headers, FLAG.endHeaders, stream, n % 2 === 0 ? plain : known));
          if (bytes.length > 0) connection?.write(frame(FRAME.data, 0, stream, bytes));
        }
        return { kind, connection };
      }),
    );
    const empty = open.find(({ kind }) => kind === 'empty frames')?.connection;
    while (performance.now() < until) {
      await sleep(Math.min(EMPTY_MS, Math.max(0, until - performance.now())));
      for (let n = 0; n < CALLS && empty && !empty.isClosed(); n++) {
        if (!empty.ended.has(2 * n + 1)) empty.write(frame(FRAME.data, 0, 2 * n + 1));
      }
    }
    const kept = open.map(({ kind, connection }) => ({
      kind,
      count: connection === undefined || connection.isClosed() ? 0 : CALLS - connection.ended.size,
    }));
    for (const { connection } of open) connection?.socket.destroy();
    const left = kept.filter(({ count }) => count > 0);
    const text = left.map(({ kind, count }) => `${kind} × ${figure(count)}`).join(', ');
    return {
      sent: `${figure(CALLS * open.length)} calls`,
      seen: `still open after ${figure(ms / 1_000)} s: ${text || 'none'}`,
      faults: ms >= CUT_MS && left.length > 0 ? [`calls are kept that send: ${text}`] : [],
    };
  },
};
