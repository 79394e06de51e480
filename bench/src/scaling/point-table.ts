import type { Spread } from '../figures/statistics.js';
import { formatTable } from '../figures/table.js';
import type { Point } from './turns.js';

/** Formats points as a table: a row per point, with the median of each metric and half of its spread. */
export function pointTable(points: readonly Point[]): string {
  const names = [...new Set(points.flatMap(({ metrics }) => Object.keys(metrics)))];
  return formatTable([
    ['', ...names],
    ...points.map(({ x, metrics }) => [
      x.toLocaleString('en'),
      ...names.map((name) => (metrics[name] ? shown(metrics[name]) : '')),
    ]),
  ]);
}

function shown({ median, min, max }: Spread): string {
  const share = Math.round(((max - min) / 2 / median) * 100);
  return share > 0 ? `${median} ±${share}%` : `${median}`;
}
