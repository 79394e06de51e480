import type { Elapsed } from './elapsed.js';

/** How long a process remembers what its wall clock said, in ms. */
export const CLOCK_MEMORY_MS = 10 * 60_000;
/** The memory is kept by the minute. */
const SLOT_MS = 60_000;

/**
 * The time by a wall clock that may be wrong for some minutes: by the latest that it said of late, and by the earliest.
 * Both go on evenly from a reading, whatever the clock says next. Ms since the epoch.
 *
 * What is written is dated by the latest, and what is looked for begins at the earliest. So a clock that jumps, by any
 * distance and in any direction, and is right again within {@link CLOCK_MEMORY_MS}, hides nothing of what this process
 * writes from others, and nothing of what others write from this process.
 */
export interface Dates {
  /** Never before a date that it has given within {@link CLOCK_MEMORY_MS}, but for 1 ms. */
  readonly latest: () => number;
  readonly earliest: () => number;
}

/** The extremes of the wall clock's distance from the monotonic one, within one slot. */
interface Slot {
  readonly index: number;
  least: number;
  most: number;
}

/** Dates of a process. @param now the wall clock, in ms since the epoch */
export function createDates(now: () => number, elapsed: Elapsed): Dates {
  let slots: readonly Slot[] = [];

  /** Notes where the wall clock stands. @returns the time of the monotonic one */
  function note(): number {
    const time = elapsed();
    const distance = now() - time;
    const index = Math.floor(time / SLOT_MS);
    const slot = slots.at(-1);
    if (slot?.index === index) {
      if (distance < slot.least) slot.least = distance;
      if (distance > slot.most) slot.most = distance;
    } else {
      const kept = slots.filter((one) => one.index >= index - CLOCK_MEMORY_MS / SLOT_MS);
      slots = [...kept, { index, least: distance, most: distance }];
    }
    return time;
  }

  return {
    latest() {
      const time = note();
      let most = Number.NEGATIVE_INFINITY;
      for (const slot of slots) most = Math.max(most, slot.most);
      return Math.round(time + most);
    },

    earliest() {
      const time = note();
      let least = Number.POSITIVE_INFINITY;
      for (const slot of slots) least = Math.min(least, slot.least);
      return Math.round(time + least);
    },
  };
}
