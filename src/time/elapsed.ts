/**
 * Milliseconds of a clock that is never set back, since any time. All ages and deadlines of the process are measured by
 * it: the wall clock jumps (NTP, a restored machine), and is only for dates that are stored or signed.
 */
export type Elapsed = () => number;

/** {@link Elapsed} by the system's monotonic clock. */
export const elapsed: Elapsed = () => performance.now();
