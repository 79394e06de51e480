import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Attack, AttackContext, Outcome } from './attack.js';
import type { AttackerJob } from './attacker-process.js';

/** How much longer than it was told an attack may take before it is killed, in ms. */
const OVERTIME_MS = 25_000;

/** Runs an attack in a process of its own, which is gone when this resolves; its sockets close with it. */
export async function runAttacker({ name }: Pick<Attack, 'name'>, context: AttackContext): Promise<Outcome> {
  const child = fork(fileURLToPath(new URL('attacker-process.js', import.meta.url)), { execArgv: [] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  const timer = setTimeout(kill, context.ms + OVERTIME_MS);
  try {
    const said = once(child, 'message').then(([message]) => toOutcome(message));
    const job: AttackerJob = { name, ...context };
    child.send(job);
    return await Promise.race([
      said,
      ended.then(([code, signal]) => failed(`the attack's own process ended with ${signal ?? code}`)),
    ]);
  } finally {
    clearTimeout(timer);
    kill();
    await ended;
    process.off('exit', kill);
  }
}

const outcomeSchema = z.object({ sent: z.string(), seen: z.string(), faults: z.array(z.string()) });
const messageSchema = z.object({ outcome: outcomeSchema.optional(), error: z.string().optional() });

function toOutcome(message: unknown): Outcome {
  const { outcome, error } = messageSchema.parse(message);
  return outcome ?? failed(`the attack could not be played: ${error}`);
}

function failed(fault: string): Outcome {
  return { sent: '–', seen: '–', faults: [fault] };
}
