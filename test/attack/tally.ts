/** Counts by label. */
export interface Tally {
  readonly add: (label: string | number, count?: number) => void;
  readonly get: (label: string | number) => number;
  /** The labels that came up. */
  readonly labels: () => readonly string[];
  /** All counts together. */
  readonly total: () => number;
  /** For the eye, the largest first: `404 × 1,200, closed × 3`. */
  readonly text: () => string;
}

/** How many labels `text` lists. */
const MAX_LISTED = 6;

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    add: (label, count = 1) => {
      counts.set(String(label), (counts.get(String(label)) ?? 0) + count);
    },
    get: (label) => counts.get(String(label)) ?? 0,
    labels: () => [...counts.keys()],
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    text() {
      const sorted = [...counts].sort(([, a], [, b]) => b - a);
      const listed = sorted.slice(0, MAX_LISTED).map(([label, count]) => `${label} × ${figure(count)}`);
      const left = sorted.length - listed.length;
      return [...listed, ...(left > 0 ? [`${left} more`] : [])].join(', ') || 'nothing';
    },
  };
}

/** A number for the eye: `12,345`. */
export function figure(value: number, digits = 0): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
