import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { rawRequest, writeBackToBack } from '../http.js';
import { connectMany, reset } from '../sockets.js';
import { figure } from '../tally.js';

const ENDLESS = 20;
const DRIPPING = 200;
/** How often each dripping connection sends a byte, in ms. */
const BYTE_MS = 500;
/** The rest of a refused body gets 10 s. */
const CLOSED_MS = 12_000;
const PIECE = Buffer.alloc(64 * 1024, 'x');

/** Bodies that are refused at once and never end: the service reads on so that its refusal is read, within bounds. */
export const refusedBodies: Attack = {
  name: 'http-refused-bodies',
  shows:
    '20 refused bodies of 1 GB at full speed, and 200 that go on a byte at a time: closed after 32 MiB, or within 12 s (HTTP)',
  seconds: 13,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const until = performance.now() + ms;
    const head = rawRequest({ headers: ['Content-Length: 1000000000'] });
    const begin = (socket: Socket) => {
      socket.on('data', () => {});
      socket.write(head);
    };
    const endless = await connectMany(ENDLESS, target.http, target, begin);
    const dripping = await connectMany(DRIPPING, target.http, target, begin);
    const sending = endless.map((socket) => writeBackToBack(socket, PIECE, { times: 15_000, until }));
    while (performance.now() < until) {
      for (const socket of dripping) if (socket.writable) socket.write('x');
      await sleep(BYTE_MS);
    }
    const pieces = (await Promise.all(sending)).reduce((sum, count) => sum + count, 0);
    // A connection that the service has closed answers a write with a reset.
    const kept = [...endless, ...dripping].filter((socket) => !socket.destroyed);
    kept.forEach(reset);
    return {
      sent: `${figure(endless.length + dripping.length)} requests, ${figure((pieces * PIECE.length) / 1e6)} MB`,
      seen: `${kept.length} connections still open after ${figure(ms / 1_000)} s`,
      faults: ms >= CLOSED_MS && kept.length > 0 ? [`${kept.length} refused bodies are still read`] : [],
    };
  },
};
