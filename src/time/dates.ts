import type { Elapsed } from './elapsed.js';

/** How long the offsets of the wall clock are remembered, in ms. */
export const CLOCK_MEMORY_MS = 10 * 60_000;
/** The extremes of the offset are remembered per slot of one minute. */
const SLOT_MS = 60_000;

/**
 * The upper and the lower bound of the current time, in ms since the epoch, when the wall clock may be wrong for some
 * minutes. Each bound is the monotonic clock plus the largest or smallest offset that the wall clock has had to it
 * within {@link CLOCK_MEMORY_MS}. Both advance evenly, even when the wall clock jumps.
 *
 * Writes are dated with the upper bound, and reads of changes begin at the lower bound. So when the clock jumps, in any
 * direction and by any amount, and is corrected within {@link CLOCK_MEMORY_MS}, other processes miss no write of this
 * process, and this process misses no write of others.
 */
export interface Dates {
  /** The upper bound. It never goes back by more than 1 ms within {@link CLOCK_MEMORY_MS}. */
  readonly latest: () => number;
  /** The lower bound. */
  readonly earliest: () => number;
}

/** The extremes of the wall clock's offset to the monotonic clock, within one slot. */
interface Slot {
  readonly index: number;
  least: number;
  most: number;
}

/** Creates the dates of a process. @param now the wall clock, in ms since the epoch */
export function createDates(now: () => number, elapsed: Elapsed): Dates {
  let slots: readonly Slot[] = [];

  /** Records the current offset of the wall clock. @returns the time of the monotonic clock */
  function sampleOffset(): number {
    const time = elapsed();
    const offset = now() - time;
    const index = Math.floor(time / SLOT_MS);
    const slot = slots.at(-1);
    if (slot?.index === index) {
      if (offset < slot.least) slot.least = offset;
      if (offset > slot.most) slot.most = offset;
    } else {
      const kept = slots.filter((one) => one.index >= index - CLOCK_MEMORY_MS / SLOT_MS);
      slots = [...kept, { index, least: offset, most: offset }];
    }
    return time;
  }

  return {
    latest() {
      const time = sampleOffset();
      let most = Number.NEGATIVE_INFINITY;
      for (const slot of slots) most = Math.max(most, slot.most);
      return Math.round(time + most);
    },

    earliest() {
      const time = sampleOffset();
      let least = Number.POSITIVE_INFINITY;
      for (const slot of slots) least = Math.min(least, slot.least);
      return Math.round(time + least);
    },
  };
}
