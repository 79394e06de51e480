import { pause } from '../time/pause.js';
import type { Context, Remote } from './context.js';

/** The RPCs that work in batches take up to 60 s a call. */
const CALL_MS = 65_000;
/** Between two calls, so that a service that cannot go on is not asked all the time. */
const PAUSE_MS = 500;

/** Repeats an RPC that works in batches until it is complete. @returns how many conversations it has changed */
export async function untilComplete(
  { printError }: Pick<Context, 'printError'>,
  { signal }: Pick<Remote, 'signal'>,
  call: (options: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<{
    readonly count: number;
    readonly complete: boolean;
  }>,
): Promise<number> {
  let sum = 0;
  for (;;) {
    const { count, complete } = await call({ timeoutMs: CALL_MS, signal });
    sum += count;
    if (complete) return sum;
    if (count > 0) printError(`${sum} conversations so far`);
    await pause(PAUSE_MS, signal);
  }
}
