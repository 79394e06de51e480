import type { Answer } from './answer.js';
import type { Step, TransportName } from './case.js';
import { rpcOf } from './rpcs.js';
import { type Target, transports } from './transports.js';
import { memberAt } from './values.js';

/** The names of all transports. */
export const OVER = Object.keys(transports) as readonly TransportName[];

/**
 * Calls an RPC over a transport (gRPC, where it has no public path) from an origin that the widgets of the tables
 * allow. The answer may be a refusal.
 */
export async function callOver(
  over: TransportName,
  target: Target,
  rpc: string,
  step: Omit<Step, 'rpc' | 'over'> = {},
): Promise<Answer> {
  const transport = transports[rpcOf(rpc).rule ? over : 'gRPC'];
  const send = transport(target, {
    origin: 'https://acme.com',
    chat: {},
    engine: { code: 'OK' },
    ...step,
    rpc,
  });
  if (!send) throw new Error(`${over} cannot carry this`);
  return send();
}

/** A text of an answer, by its path. @throws Error when there is none, such as in a refusal */
export function textOf(answer: Answer, path: string): string {
  const value = memberAt(answer.body, path);
  if (typeof value !== 'string') throw new Error(`no ${path} in ${answer.raw}`);
  return value;
}
