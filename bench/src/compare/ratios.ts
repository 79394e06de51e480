import type { Round } from '../figures/rounds.js';
import { type Spread, spread } from '../figures/statistics.js';
import type { SharedDatabase } from '../servers/database.js';

/** The rounds of each contender, by its id. */
export type RoundsById = ReadonlyMap<string, readonly Round[]>;

/** The goal for a ratio. */
export interface Bar {
  readonly is: 'at least' | 'at most';
  readonly than: number;
}

/** The quotient of two figures of the same round. */
export interface Ratio {
  readonly name: string;
  /** Over the rounds. */
  readonly value: Spread;
  readonly bar: Bar | undefined;
  /** Whether the median reaches the bar. */
  readonly reached: boolean | undefined;
}

interface RatioDefinition {
  readonly name: string;
  /** One for each kind of database where they differ. */
  readonly bar?: Readonly<Record<SharedDatabase['kind'], Bar>> | Bar;
  /** Numerator and denominator: a contender, and a figure of its rounds. */
  readonly above: readonly [id: string, figure: keyof Round];
  readonly below: readonly [id: string, figure: keyof Round];
}

export const atLeast = (than: number): Bar => ({ is: 'at least', than });
export const atMost = (than: number): Bar => ({ is: 'at most', than });

const RATIOS: readonly RatioDefinition[] = [
  {
    name: 'public path / Fastify',
    bar: { MONGODB_URI: atLeast(4), embedded: atLeast(2.5) },
    above: ['public-path', 'rate'],
    below: ['fastify', 'rate'],
  },
  {
    name: 'public path / static node:http',
    bar: { MONGODB_URI: atLeast(0.5), embedded: atLeast(0.6) },
    above: ['public-path', 'rate'],
    below: ['static-http', 'rate'],
  },
  {
    name: 'public path / the least an open can be',
    above: ['public-path', 'rate'],
    below: ['bare-open', 'rate'],
  },
  {
    name: 'the least an open can be / static node:http',
    above: ['bare-open', 'rate'],
    below: ['static-http', 'rate'],
  },
  {
    name: 'gRPC / static grpc-js',
    bar: atLeast(0.7),
    above: ['engine', 'rate'],
    below: ['static-grpc', 'rate'],
  },
  {
    name: 'gRPC / grpc-js + insertOne',
    bar: atLeast(2),
    above: ['engine', 'rate'],
    below: ['grpc-js', 'rate'],
  },
  { name: 'CPU of static grpc-js / gRPC', above: ['static-grpc', 'cpuUs'], below: ['engine', 'cpuUs'] },
  { name: 'CPU of grpc-js + insertOne / gRPC', above: ['grpc-js', 'cpuUs'], below: ['engine', 'cpuUs'] },
  {
    name: 'public path, p99 / p50',
    bar: atMost(3),
    above: ['public-path', 'p99'],
    below: ['public-path', 'p50'],
  },
  {
    name: 'p99 at 1 connection / of one insertOne',
    bar: atMost(1.5),
    above: ['public-path-1', 'p99'],
    below: ['insert-one-1', 'p99'],
  },
];

/** Computes the ratios whose contenders were measured. */
export function ratios(rounds: RoundsById, kind: SharedDatabase['kind']): Ratio[] {
  return RATIOS.flatMap(({ name, bar, above, below }) => {
    const value = spreadOfRatio(figures(rounds, above), figures(rounds, below));
    return Number.isNaN(value.median) ? [] : [toRatio(name, value, bar && 'is' in bar ? bar : bar?.[kind])];
  });
}

/** Compares a ratio with its bar. */
export function toRatio(name: string, value: Spread, bar: Bar | undefined): Ratio {
  const reached = bar && (bar.is === 'at least' ? value.median >= bar.than : value.median <= bar.than);
  return { name, value, bar, reached };
}

/** Divides round by round, so that other load on the machine is in both figures. */
export function spreadOfRatio(above: readonly number[], below: readonly number[]): Spread {
  return spread(above.slice(0, below.length).map((figure, round) => figure / (below[round] ?? Number.NaN)));
}

function figures(rounds: RoundsById, [id, figure]: RatioDefinition['above']): number[] {
  return (rounds.get(id) ?? []).map((round) => round[figure]);
}
