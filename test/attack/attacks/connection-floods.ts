import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { connectMany, heldByService } from '../sockets.js';
import { figure } from '../tally.js';

const CONNECTIONS = 5_000;
/** Fewer where there is no time to make so many. */
const QUICK_CONNECTIONS = 2_000;
const QUICK_MS = 5_000;
/** How long the service may wait for the first request of a connection, in ms, with room for a busy machine. */
const HTTP_IDLE_MS = 8_000;

/**
 * Connections that send nothing. The port under attack may be full, and turn visitors away for as long; the other one
 * must not notice.
 */
export const connectionFloods: readonly Attack[] = [
  {
    name: 'http-connections',
    shows: `${figure(CONNECTIONS)} connections that send nothing (HTTP): gRPC goes on`,
    seconds: 10,
    quickSeconds: 1,
    tolerance: { http: 1 },
    run: (context) => connectOnly('http', context),
  },
  {
    name: 'grpc-connections',
    shows: `${figure(CONNECTIONS)} connections that send nothing (gRPC): HTTP goes on`,
    seconds: 10,
    quickSeconds: 1,
    tolerance: { grpc: 1 },
    run: (context) => connectOnly('grpc', context),
  },
];

async function connectOnly(port: 'http' | 'grpc', { target, ms }: AttackContext): Promise<Outcome> {
  const address = target[port];
  const sockets = await connectMany(ms < QUICK_MS ? QUICK_CONNECTIONS : CONNECTIONS, address, target);
  const atMost = heldByService(address, sockets);
  await sleep(ms);
  const held = heldByService(address, sockets);
  return {
    sent: `${figure(sockets.length)} connections`,
    seen: `${figure(atMost)} held at most, ${figure(held)} after ${figure(ms / 1_000)} s`,
    faults: port === 'http' && ms >= HTTP_IDLE_MS && held > 0 ? [`${held} silent connections are kept`] : [],
  };
}
