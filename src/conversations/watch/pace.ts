import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Elapsed } from '../../time/elapsed.js';

/**
 * Throttles the work of the watches in a process. It resolves when a piece of work may begin, or when `signal` is
 * aborted. The caller calls the returned function when the piece is done, if possible with an upper bound of its CPU
 * time in ms, because most of the elapsed time is spent waiting for the database.
 */
export type Pace = (signal: AbortSignal) => Promise<(maxMs?: number) => Promise<void>>;

/**
 * An upper bound of the CPU time of a piece of work, in ms: twice the measured cost (docs/performance.md), so that it
 * also holds on a machine of half the speed.
 *
 * @param listed how many changes were listed
 * @param loaded how many conversations were loaded
 * @param sends how many responses were sent, counted once for each watcher
 */
export function costMs({ listed = 0, loaded = 0, sends = 0 }): number {
  return 1 + listed * 0.06 + loaded * 0.08 + sends * 0.2;
}

/**
 * Runs a piece of work when the pace lets it; skips it when `signal` is aborted by then.
 *
 * @param maxMs an upper bound of its CPU time, computed from its result
 */
export async function paced<T>(
  pace: Pace,
  signal: AbortSignal,
  work: () => Promise<T>,
  maxMs?: (result: T) => number,
): Promise<T | undefined> {
  const done = await pace(signal);
  let max: number | undefined;
  try {
    if (signal.aborted) return undefined;
    const result = await work();
    max = maxMs?.(result);
    return result;
  } finally {
    await done(max);
  }
}

/** The dependencies of {@link createPace}. */
export interface PaceDeps {
  readonly elapsed: Elapsed;
  /** Starts to measure the load of the process. @returns a function that reads the load since then, from 0 to 1 */
  readonly startLoad: () => () => number;
  /** The CPU time that the process has used, in ms. */
  readonly cpuMs: () => number;
}

/** The load above which the process counts as busy, measured while the watches rest. */
const BUSY = 0.5;
/**
 * After a piece of work a busy process gets 12 times its CPU time for everything else: the watches take at most 1/13.
 */
const REST_RATIO = 12;
/** The longest rest, in ms, so that watches go on even under constant load. */
const MAX_REST_MS = 5_000;
/** How often the load is checked during a rest, in ms. */
const CHECK_MS = 10;
/** A check that runs this much late, in ms, counts as busy: the process or its machine had no CPU time for the timer. */
const LATE_MS = 10;
/** How much work the watches of an idle process do, in ms, before they rest once to check the load. */
const UNCHECKED_MS = 50;
/** The most pieces of work in flight. */
const MAX_IN_FLIGHT = 8;

/**
 * Creates the pace of all watches of a process, which gives other calls, such as opens, priority. It bounds the pieces of
 * work in flight. When the process is busy, all watches rest after a piece, in proportion to its CPU time; then watches
 * lag, and other calls do not.
 */
export function createPace({ elapsed, startLoad, cpuMs }: PaceDeps): Pace {
  const waiting = new Set<() => void>();
  let inFlight = 0;
  let isBusy = false;
  /** The cost of the work since the last rest, in ms. */
  let workedMs = 0;
  let isResting = false;

  return async (signal) => {
    if (inFlight >= MAX_IN_FLIGHT || waiting.size > 0 || isResting) await waitForTurn(signal);
    inFlight++;
    const began = elapsed();
    return async (maxMs = Number.POSITIVE_INFINITY) => {
      // Work that the piece has started, such as writes to sockets, runs before the next turn of the event loop.
      await nextTurn();
      inFlight--;
      workedMs += Math.min(elapsed() - began, maxMs);
      if (!isResting && (isBusy || workedMs >= UNCHECKED_MS)) rest();
      wakeSome();
    };
  };

  function waitForTurn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        waiting.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      waiting.add(go);
      signal.addEventListener('abort', go);
      if (signal.aborted) go();
      wakeSome();
    });
  }

  function wakeSome(): void {
    if (isResting) return;
    let free = MAX_IN_FLIGHT - inFlight;
    for (const go of waiting) if (free-- > 0) go();
  }

  /** Rests for {@link CHECK_MS} at least, since only during a rest is the measured load that of other work. */
  function rest(): void {
    isResting = true;
    const until = elapsed() + MAX_REST_MS;
    const cpuUntil = cpuMs() + workedMs * REST_RATIO;
    workedMs = 0;
    const load = startLoad();
    let dueAt = elapsed() + CHECK_MS;
    const check = () => {
      isBusy = load() > BUSY || elapsed() > dueAt + LATE_MS;
      dueAt = elapsed() + CHECK_MS;
      if (isBusy && cpuMs() < cpuUntil && elapsed() < until) {
        setTimeout(check, CHECK_MS).unref();
        return;
      }
      isResting = false;
      wakeSome();
    };
    setTimeout(check, CHECK_MS).unref();
  }
}

/** The CPU time that all threads of this process have used, in ms: for {@link PaceDeps.cpuMs}. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Measures the utilization of this process's event loop: for {@link PaceDeps.startLoad}. */
export function startEventLoopLoad(): () => number {
  const start = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(start).utilization;
}
