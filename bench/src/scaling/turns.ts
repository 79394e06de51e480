import { type Spread, spread } from '../figures/statistics.js';

/** What one round came to, by name. */
export type Metrics = Readonly<Record<string, number>>;

/** A point of a curve: how much of something there was, and what that came to. */
export interface Point {
  readonly x: number;
  /** Over the rounds; `rateToFirst` is the rate as a share of the first of several points' in the same round. */
  readonly metrics: Readonly<Record<string, Spread>>;
}

/** Points that are measured in turns. */
export interface Turns {
  /** How much of something there is, from little to much. */
  readonly xs: readonly number[];
  readonly rounds: number;
  /** What an x comes to, once. Round 0 warms up, and does not count. */
  readonly measure: (x: number, round: number) => Promise<Metrics>;
  /** Told of each measure that failed: the others go on. */
  readonly onFailure: (where: string, error: unknown) => void;
  /** Told of all points so far, after each round. */
  readonly onRound: (points: readonly Point[]) => Promise<void>;
}

/** Measures all points in each round, there and back again by turns: what drifts in the meantime touches all alike. */
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

/** The points of what was measured, a map for each round. A point that never was is left out. */
export function pointsOf(
  xs: readonly number[],
  rounds: readonly ReadonlyMap<number, Metrics>[],
): readonly Point[] {
  const [first = 0] = xs;
  return xs.flatMap((x) => {
    const series = new Map<string, number[]>();
    const add = (name: string, value: number) => {
      // What this machine cannot tell is not a number.
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

/** To four digits: the fifth is noise. */
function rounded({ median, min, max }: Spread): Spread {
  const [first, second, third] = [median, min, max].map((value) => Number(value.toPrecision(4)));
  return { median: first ?? median, min: second ?? min, max: third ?? max };
}
