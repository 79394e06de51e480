import { setTimeout } from 'node:timers/promises';

/** Waits `ms`, or until `signal` is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** {@link Pause} with the timers of the system. */
export const pause: Pause = async (ms, signal) => {
  await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
};
