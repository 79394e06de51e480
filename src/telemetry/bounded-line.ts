import type { Logger } from 'pino';
import type { Elapsed } from '../time/elapsed.js';

/** The default limit of each kind of line. */
export const LINES_PER_SECOND = 20;

/** What {@link boundedLine} needs. */
export interface BoundedLineDeps {
  readonly log: Logger;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly elapsed: Elapsed;
  readonly perSecond?: number;
}

/**
 * Creates the rate-limited writer of one kind of log line, so that a flood of refused requests cannot fill the disk.
 * Lines beyond the limit are counted; at the end of the second their number is logged as `unlogged`, with the same
 * message. At level debug there is no limit.
 *
 * @returns the writer; it calls `fields` only for lines that are written
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
