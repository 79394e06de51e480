import { type Spread, spread } from '../figures/statistics.js';

/** The figures of one round, by name. */
export type Metrics = Readonly<Record<string, number>>;

/** A point of a curve: a quantity, and the figures at it. */
export interface Point {
  readonly x: number;
  /**
   * The spread over the rounds. `rateToFirst` is the rate divided by that of the curve's first point in the same round.
   */
  readonly metrics: Readonly<Record<string, Spread>>;
}

/** Points that are measured in turns. */
export interface Turns {
  /** The quantities, ascending. */
  readonly xs: readonly number[];
  readonly rounds: number;
  /** Measures one quantity once. Round 0 is the warm-up and does not count. */
  readonly measure: (x: number, round: number) => Promise<Metrics>;
  /** Called for each failed measurement; the others go on. */
  readonly onFailure: (where: string, error: unknown) => void;
  /** Called with all points so far after each round. */
  readonly onRound: (points: readonly Point[]) => Promise<void>;
}

/** Measures all points in each round, ascending and descending by turns, so that a drift affects all alike. */
export async function inTurns({ xs, rounds, measure, onFailure, onRound }: Turns): Promise<readonly Point[]> {
  const measured: Map<number, Metrics>[] = [];
  for (let round = 0; round <= rounds; round++) {
    const results = new Map<number, Metrics>();
    for (const x of round % 2 === 0 ? xs : xs.toReversed()) {
      try {
        results.set(x, await measure(x, round));
      } catch (error) {
        onFailure(round === 0 ? `${x}, warm-up` : `${x}, round ${round}`, error);
      }
    }
    if (round === 0) continue;
    measured.push(results);
    const points = pointsOf(xs, measured);
    if (points.length > 0) await onRound(points);
  }
  return pointsOf(xs, measured);
}

/** Computes the points from a map per round. A point without figures is left out. */
export function pointsOf(
  xs: readonly number[],
  rounds: readonly ReadonlyMap<number, Metrics>[],
): readonly Point[] {
  const [first = 0] = xs;
  return xs.flatMap((x) => {
    const series = new Map<string, number[]>();
    const add = (name: string, value: number) => {
      // A figure that this system does not provide is NaN.
      if (Number.isFinite(value)) series.set(name, [...(series.get(name) ?? []), value]);
    };
    for (const results of rounds) {
      const metrics = results.get(x) ?? {};
      for (const [name, value] of Object.entries(metrics)) add(name, value);
      const firstRate = xs.length > 1 ? results.get(first)?.['rate'] : undefined;
      add('rateToFirst', (metrics['rate'] ?? Number.NaN) / (firstRate ?? Number.NaN));
    }
    const spreads = [...series].map(([name, values]) => [name, rounded(spread(values))] as const);
    return spreads.length > 0 ? [{ x, metrics: Object.fromEntries(spreads) }] : [];
  });
}

/** Rounds to four digits; the fifth is noise. */
function rounded({ median, min, max }: Spread): Spread {
  const [first, second, third] = [median, min, max].map((value) => Number(value.toPrecision(4)));
  return { median: first ?? median, min: second ?? min, max: third ?? max };
}
