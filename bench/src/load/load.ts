/** The result of a load. */
export interface LoadResult {
  /** Expected answers per second. */
  readonly rate: number;
  /** Answers of the expected status. */
  readonly answers: number;
  /** Answers of another status, and requests without an answer. */
  readonly unexpected: number;
  /** Latencies in ms, of answers of any status. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The counts of a generator in this repository. */
export interface Counted {
  readonly answers: number;
  readonly unexpected: number;
  /** Latencies in ms, in any order. */
  readonly latencies: readonly number[];
  /** The duration in ms. */
  readonly ms: number;
}

/** Computes rate and percentiles. */
export function toLoadResult({ answers, unexpected, latencies, ms }: Counted): LoadResult {
  const sorted = Float64Array.from(latencies).sort();
  return {
    rate: ms > 0 ? (answers * 1_000) / ms : 0,
    answers,
    unexpected,
    p50: percentile(sorted, 50),
    p99: percentile(sorted, 99),
    max: sorted.at(-1) ?? 0,
  };
}

/** A percentile of numbers in ascending order, by nearest rank; 0 when there are none. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
