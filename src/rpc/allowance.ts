import type { Elapsed } from './elapsed.js';

/** So many of a kind in each second. */
export interface Allowance {
  /** Takes one. @returns how many were not given since the last that was; undefined when this one is not */
  take(): number | undefined;
}

/** Makes an allowance. */
export function createAllowance(perSecond: number, elapsed: Elapsed): Allowance {
  let second = 0;
  let left = 0;
  let refused = 0;
  return {
    take() {
      const current = Math.floor(elapsed() / 1000);
      if (current !== second) {
        second = current;
        left = perSecond;
      }
      if (left === 0) {
        refused++;
        return undefined;
      }
      left--;
      const before = refused;
      refused = 0;
      return before;
    },
  };
}
