import { setImmediate as turn } from 'node:timers/promises';
import type { Elapsed } from '../rpc/elapsed.js';

/**
 * Waits until it is time for a piece of the watch's work, or until `signal` is aborted. The returned function is called
 * when the piece is done.
 */
export type Pace = (signal: AbortSignal) => Promise<() => Promise<void>>;

/** What keeping pace needs. */
export interface PaceParts {
  readonly elapsed: Elapsed;
  /** How busy the process is, from 0 to 1. */
  readonly load: () => number;
  /** How long the watch rests after work, by the time that the work took, when the process is busy. */
  readonly rest?: number;
}

/** Above this load the process is busy. */
const BUSY = 0.5;
const REST = 9;
/** The longest rest after one piece, in ms: a database that is slow does not stop the watch. */
const MAX_REST_MS = 2_000;
/** How many pieces are under way at once. */
const MAX_AT_ONCE = 8;

/**
 * The pace of all watches of a process: opens come first. Pieces of work are done a few at a time, and when the process
 * is busy all wait after each one, in proportion to what it took: then the watch lags, and nothing else does.
 */
export function createPace({ elapsed, load, rest = REST }: PaceParts): Pace {
  const waiting = new Set<() => void>();
  let atOnce = 0;
  let restUntil = 0;
  let isResting = false;

  return async (signal) => {
    if (atOnce >= MAX_AT_ONCE || waiting.size > 0 || elapsed() < restUntil) await myTurn(signal);
    atOnce++;
    const began = elapsed();
    return async () => {
      // What the work has set off, such as writing to sockets, is done by the next turn of the event loop.
      await turn();
      atOnce--;
      const took = elapsed() - began;
      if (load() > BUSY) {
        restUntil = Math.max(restUntil, elapsed()) + Math.min(took * rest, MAX_REST_MS);
      }
      wakeNext();
    };
  };

  async function myTurn(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = () => {
        waiting.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      waiting.add(go);
      signal.addEventListener('abort', go);
      if (signal.aborted) go();
      wakeNext();
    });
  }

  /** Lets those go for whom there is room, or looks again when the rest is over. */
  function wakeNext(): void {
    const left = restUntil - elapsed();
    if (left > 0) {
      if (waiting.size > 0 && !isResting) {
        isResting = true;
        setTimeout(onRested, left);
      }
      return;
    }
    const [next] = waiting;
    if (atOnce < MAX_AT_ONCE) next?.();
  }

  function onRested(): void {
    isResting = false;
    wakeNext();
  }
}

/** How busy this process's event loop was of late, from 0 to 1: looked at again after `everyMs`. */
export function eventLoopLoad(elapsed: Elapsed, everyMs = 100): () => number {
  let last = performance.eventLoopUtilization();
  let lookedAt = elapsed();
  let load = 0;
  return () => {
    if (elapsed() >= lookedAt + everyMs) {
      const current = performance.eventLoopUtilization();
      load = performance.eventLoopUtilization(current, last).utilization;
      last = current;
      lookedAt = elapsed();
    }
    return load;
  };
}
