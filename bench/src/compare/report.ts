import type { Machine } from '../figures/machine.js';
import type { Round } from '../figures/rounds.js';
import { type Spread, spread } from '../figures/statistics.js';
import { figure, formatTable } from '../figures/table.js';
import type { SharedDatabase } from '../servers/database.js';
import { type Entry, GROUPS } from './contenders.js';
import { type Ratio, type RoundsById, ratios } from './ratios.js';
import { type RefusalCost, refusalCosts, refusalRatios } from './refusal-cost.js';

/** The JSON that `--json` writes. Unknown figures are null there. */
export interface Report {
  /** Raised when the shape changes. */
  readonly version: 1;
  /** RFC 3339. */
  readonly measuredAt: string;
  readonly machine: Machine;
  /** The names of the load generators. */
  readonly generators: { readonly http: string; readonly grpc: string };
  readonly options: { readonly rounds: number; readonly seconds: number; readonly connections: number };
  readonly databases: readonly DatabaseReport[];
}

/** The results on one database. */
export interface DatabaseReport {
  readonly database: SharedDatabase['kind'];
  readonly contenders: readonly ContenderReport[];
  readonly refused: readonly RefusalCost[];
  readonly ratios: readonly Ratio[];
}

/** The results of one contender: each figure over its rounds. */
export interface ContenderReport extends Pick<Entry, 'id' | 'name' | 'group'> {
  readonly rate: Spread;
  readonly cpuUs: Spread;
  readonly p50: Spread;
  readonly p99: Spread;
  readonly memoryMiB: Spread;
  /** The sum of all rounds. */
  readonly answers: number;
  readonly unexpected: number;
  readonly rounds: readonly Round[];
}

/** Makes the report of one database. */
export function databaseReport(
  database: SharedDatabase['kind'],
  measured: ReadonlyMap<Entry, readonly Round[]>,
): DatabaseReport {
  const rounds: RoundsById = new Map([...measured].map(([{ id }, own]) => [id, own]));
  const refused = refusalCosts(rounds);
  return {
    database,
    contenders: [...measured].map(([entry, own]) => contenderReport(entry, own)),
    refused,
    ratios: [...ratios(rounds, database), ...refusalRatios(refused)],
  };
}

function contenderReport({ id, name, group }: Entry, rounds: readonly Round[]): ContenderReport {
  const over = (figure: keyof Round) => spread(rounds.map((round) => round[figure]));
  const sum = (figure: 'answers' | 'unexpected') => rounds.reduce((total, round) => total + round[figure], 0);
  return {
    ...{ id, name, group },
    ...{ rate: over('rate'), cpuUs: over('cpuUs'), p50: over('p50'), p99: over('p99') },
    ...{ memoryMiB: over('memoryMiB'), answers: sum('answers'), unexpected: sum('unexpected') },
    rounds,
  };
}

/** Formats the report of one database as tables. */
export function formatReport({ database, contenders, refused, ratios }: DatabaseReport): string {
  const parts = [`== ${database === 'embedded' ? 'the embedded server' : 'MONGODB_URI'} ==\n`];
  for (const [group, title] of Object.entries(GROUPS)) {
    const rows = contenders.filter((contender) => contender.group === group);
    if (rows.length === 0) continue;
    const isRefused = group === 'refused';
    parts.push(
      formatTable([
        [title, 'per second', '(min – max)', 'CPU µs', 'p50 ms', 'p99 ms', isRefused ? '' : 'RssAnon MiB'],
        ...rows.map(({ name, rate, cpuUs, p50, p99, memoryMiB, unexpected }) => [
          `  ${name}`,
          figure(rate.median),
          `(${figure(rate.min)} – ${figure(rate.max)})`,
          figure(cpuUs.median),
          figure(p50.median, 1),
          figure(p99.median, 1),
          isRefused ? '' : figure(memoryMiB.median),
          unexpected > 0 ? `${unexpected} unexpected!` : '',
        ]),
      ]),
    );
  }
  if (refused.length > 0) parts.push(formatRefused(refused));
  if (ratios.length > 0) parts.push(formatRatios(ratios));
  return parts.join('\n');
}

function formatRefused(costs: readonly RefusalCost[]): string {
  return formatTable([
    ['what refusing costs', 'bytes', '÷ accepted', 'body: CPU µs', 'JSON.parse µs', 'CPU ÷ JSON.parse'],
    ...costs.map(({ name, bodyBytes, byAccepted, body }) => [
      `  ${name}`,
      figure(bodyBytes),
      figure(byAccepted.median, 2),
      figure(body?.us.median),
      figure(body?.parseUs),
      figure(body?.byParse.median, 2),
    ]),
  ]);
}

function formatRatios(ratios: readonly Ratio[]): string {
  return formatTable([
    ['ratios, round by round', 'median', '(min – max)', 'bar', ''],
    ...ratios.map(({ name, value, bar, reached }) => [
      `  ${name}`,
      figure(value.median, 2),
      `(${figure(value.min, 2)} – ${figure(value.max, 2)})`,
      bar ? `${bar.is === 'at least' ? '≥' : '≤'} ${figure(bar.than, 1)}` : '',
      reached === undefined ? '' : reached ? 'reached' : 'NOT reached',
    ]),
  ]);
}
