// Draws docs/performance/*.json, what the measurements of bench/ wrote, as SVGs beside it. With --check it writes
// nothing, and fails when a picture is not what the figures make.
//
//   node scripts/draw-performance.js [--check] [folder, docs/performance unless given]
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lineChart } from './line-chart.js';
import { chartsOf } from './performance-charts.js';

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [folder = 'docs/performance'] = positionals;
try {
  process.exitCode = draw(folder, values.check);
} catch (error) {
  console.error(`draw-performance: ${error.message}`);
  process.exitCode = 1;
}

function draw(from, isCheck) {
  const pictures = new Map(jsonFiles(from).flatMap((file) => picturesOf(join(from, file))));
  if (pictures.size === 0) throw new Error(`there are no figures to draw in ${from}`);
  const stale = [...pictures].filter(([name, svg]) => readIfThere(join(from, name)) !== svg);
  const orphans = readdirSync(from).filter((file) => file.endsWith('.svg') && !pictures.has(file));
  if (orphans.length > 0) throw new Error(`no figures make ${orphans.join(', ')}: remove it`);
  if (isCheck) {
    if (stale.length === 0) return 0;
    const names = stale.map(([name]) => name).join(', ');
    throw new Error(`${names}: not what the figures make; run npm run draw`);
  }
  for (const [name, svg] of stale) writeFileSync(join(from, name), svg);
  console.log(`${pictures.size} pictures, ${stale.length} of them new: ${from}`);
  return 0;
}

function jsonFiles(from) {
  if (!existsSync(from)) throw new Error(`there is no folder ${from}`);
  return readdirSync(from)
    .filter((file) => file.endsWith('.json'))
    .sort();
}

/** The pictures of a file; none of a kind that is only for tables. */
function picturesOf(file) {
  try {
    const { kind, entries } = JSON.parse(readFileSync(file, 'utf8'));
    return chartsOf(kind, entries).map(([name, chart]) => [`${name}.svg`, lineChart(chart)]);
  } catch (error) {
    throw new Error(`${file} cannot be drawn: ${error.message}`);
  }
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
