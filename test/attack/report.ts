import type { Played } from './play.js';
import { figure } from './tally.js';

const HEAD = [
  'attack',
  'p99 ms',
  'refused',
  'failed',
  'MiB before',
  'most',
  'after',
  'log/s',
  'log KiB',
  'verdict',
] as const;

/** The table of what came of each attack, and below it what was sent and what was seen. */
export function report(played: readonly Played[], aloneP99: number): string {
  const rows = played.map((one) => [
    one.name,
    figureOf(one.visits.p99),
    figureOf(one.visits.http.refused + one.visits.grpc.refused),
    figureOf(one.visits.http.failed + one.visits.grpc.failed),
    figureOf(one.memoryBefore),
    figureOf(one.memoryMost),
    figureOf(one.memoryAfter),
    figureOf(one.logLinesPerSecond),
    figureOf(one.logBytes / 1_024),
    one.faults.length > 0 ? 'FAILED' : 'held',
  ]);
  const alone = ['(no attack)', figureOf(aloneP99), ...HEAD.slice(2).map(() => '')];
  const details = played.map(
    ({ name, outcome, faults }) =>
      `${faults.length > 0 ? '✘' : '✔'} ${name}: ${outcome.sent} → ${outcome.seen}\n`,
  );
  const failed = played.filter(({ faults }) => faults.length > 0).length;
  return `${formatTable([HEAD, alone, ...rows])}\n${details.join('')}\n${played.length - failed} held, ${failed} failed\n`;
}

/** Lines up cells: the first column to the left, the others to the right. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
  return rows.map((row) => `${line(row).join('  ').trimEnd()}\n`).join('');
}

function figureOf(value: number): string {
  return Number.isFinite(value) ? figure(value) : '–';
}
