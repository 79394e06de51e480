/**
 * A monotonic clock: milliseconds since an arbitrary start. All durations and deadlines are measured with it. The wall
 * clock can jump (NTP, a restored machine), so it is used only for dates that are stored or signed.
 */
export type Elapsed = () => number;

/** The monotonic clock of the system. */
export const elapsed: Elapsed = () => performance.now();
