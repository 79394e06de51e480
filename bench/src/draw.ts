/**
 * Draws the charts of docs/performance/*.json, the figures that `npm run bench` has written, as SVGs beside them. With
 * `--check` it writes nothing, and fails when a picture differs from its figures.
 *
 *     node bench/dist/src/draw.js [--check] [folder]
 */
import { parseArgs } from 'node:util';
import { drawFolder } from './charts/draw-folder.js';
import { repoFile } from './repo-file.js';

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
});
try {
  console.log(await drawFolder(positionals[0] ?? repoFile('docs/performance'), values.check));
} catch (error) {
  console.error(`draw: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
