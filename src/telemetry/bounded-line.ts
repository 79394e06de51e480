import type { Logger } from 'pino';
import type { Elapsed } from '../time/elapsed.js';

/** How many lines of a kind are written in a second. */
export const LINES_PER_SECOND = 20;

/** What a kind of line is made of. */
export interface BoundedLineDeps {
  readonly log: Logger;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly elapsed: Elapsed;
  readonly perSecond?: number;
}

/**
 * Makes the writer of one kind of log line: a per-second limit, so that a flood of what a stranger can cause neither
 * fills the disk nor costs a line each. What it leaves out is counted, and the count (`unlogged`) is a line of the same
 * message when the second is over. At the level debug everything is written.
 *
 * @returns the writer; `fields` is called only for what is written
 */
export function boundedLine(deps: BoundedLineDeps): (fields: () => object) => void {
  const { log, level, message, elapsed, perSecond = LINES_PER_SECOND } = deps;
  let secondEnds = Number.NEGATIVE_INFINITY;
  let left = 0;
  let unlogged = 0;

  const writeCount = () => {
    log[level]({ unlogged }, message);
    unlogged = 0;
  };

  return (fields) => {
    const time = elapsed();
    if (time >= secondEnds) {
      secondEnds = time + 1000;
      left = perSecond;
    }
    if (left > 0 || log.isLevelEnabled('debug')) {
      left--;
      log[level](fields(), message);
      return;
    }
    if (unlogged === 0) setTimeout(writeCount, Math.max(0, secondEnds - time)).unref();
    unlogged++;
  };
}
