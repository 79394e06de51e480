import { setImmediate as turn } from 'node:timers/promises';
import type { Elapsed } from '../time/elapsed.js';

/**
 * Waits until it is time for a piece of the watch's work, or until `signal` is aborted. The returned function is called
 * when the piece is done, with the most that it can have cost, in ms, where that is known: the time that it took is
 * mostly that of waiting for others.
 */
export type Pace = (signal: AbortSignal) => Promise<(mostMs?: number) => Promise<void>>;

/**
 * The most CPU time that a piece of work costs, in ms: twice of what was measured (docs/performance.md), so that it holds
 * for a machine of half the speed too.
 *
 * @param looked the rows that were looked up @param loaded those that were loaded @param sends of one response each
 */
export function costMs({ looked = 0, loaded = 0, sends = 0 }): number {
  return 1 + looked * 0.06 + loaded * 0.08 + sends * 0.2;
}

/**
 * Does a piece of work when it is time; none when `signal` is aborted.
 *
 * @param mostMs the most that it can have cost, by what came of it
 */
export async function paced<T>(
  pace: Pace,
  signal: AbortSignal,
  work: () => Promise<T>,
  mostMs?: (outcome: T) => number,
): Promise<T | undefined> {
  const done = await pace(signal);
  let most: number | undefined;
  try {
    if (signal.aborted) return undefined;
    const outcome = await work();
    most = mostMs?.(outcome);
    return outcome;
  } finally {
    await done(most);
  }
}

/** What keeping pace needs. */
export interface PaceDeps {
  readonly elapsed: Elapsed;
  /** Begins to look at how busy the process is. @returns what tells how busy it has been since, from 0 to 1 */
  readonly startLoad: () => () => number;
  /** The CPU time that the process has used, in ms. */
  readonly cpuMs: () => number;
}

/** Above this load, without the watch's own work, the process is busy. */
const BUSY = 0.5;
/** How much CPU time the process has for other things between pieces when it is busy, by that of the pieces. */
const REST = 12;
/** The longest rest, in ms: the watch never stops. */
const MAX_REST_MS = 5_000;
/** How often it looks, in a rest, whether the process is still busy, in ms. */
const LOOK_MS = 10;
/** By how much a look is late, in ms, when the process or its machine has no time for it: that is busy too. */
const LATE_MS = 10;
/** How much work it does, in ms, before it looks again whether a process that was not busy is. */
const UNSEEN_MS = 50;
/** How many pieces are under way at once. */
const MAX_AT_ONCE = 8;

/**
 * The pace of all watches of a process: opens come first. Pieces of work are done a few at a time; when the process is
 * busy with other things all wait after each one, in proportion to what it took. Then the watch lags, and nothing else
 * does.
 */
export function createPace({ elapsed, startLoad, cpuMs }: PaceDeps): Pace {
  const waiting = new Set<() => void>();
  let atOnce = 0;
  let isBusy = false;
  /** Work since the last rest, in ms. */
  let worked = 0;
  let isResting = false;

  return async (signal) => {
    if (atOnce >= MAX_AT_ONCE || waiting.size > 0 || isResting) await myTurn(signal);
    atOnce++;
    const began = elapsed();
    return async (mostMs = Number.POSITIVE_INFINITY) => {
      // What the work has set off, such as writing to sockets, is done by the next turn of the event loop.
      await turn();
      atOnce--;
      worked += Math.min(elapsed() - began, mostMs);
      if (!isResting && (isBusy || worked >= UNSEEN_MS)) rest();
      wakeSome();
    };
  };

  function myTurn(signal: AbortSignal): Promise<void> {
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
    let free = MAX_AT_ONCE - atOnce;
    for (const go of waiting) if (free-- > 0) go();
  }

  /** Rests, for a moment at least: the load in a rest is that of others. */
  function rest(): void {
    isResting = true;
    const until = elapsed() + MAX_REST_MS;
    const cpuUntil = cpuMs() + worked * REST;
    worked = 0;
    const load = startLoad();
    let dueAt = elapsed() + LOOK_MS;
    const look = () => {
      isBusy = load() > BUSY || elapsed() > dueAt + LATE_MS;
      dueAt = elapsed() + LOOK_MS;
      if (isBusy && cpuMs() < cpuUntil && elapsed() < until) {
        setTimeout(look, LOOK_MS).unref();
        return;
      }
      isResting = false;
      wakeSome();
    };
    setTimeout(look, LOOK_MS).unref();
  }
}

/** {@link PaceDeps.cpuMs} of this process, all of its threads. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** How busy this process's event loop is. */
export function startEventLoopLoad(): () => number {
  const start = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(start).utilization;
}
