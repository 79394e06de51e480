import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf } from './charts.js';
import { toSvg } from './to-svg.js';

/**
 * Draws the charts of each results file of a folder as SVGs beside it.
 *
 * @param isCheck writes nothing, and fails when a picture differs from its figures
 * @returns a sentence on what was drawn
 * @throws Error when there is nothing to draw, or something that cannot be drawn
 */
export async function drawFolder(folder: string, isCheck: boolean): Promise<string> {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  const files = readdirSync(folder).sort();
  const pictures = new Map<string, string>();
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    for (const [name, svg] of await picturesOf(join(folder, file))) pictures.set(name, svg);
  }
  if (pictures.size === 0) throw new Error(`there are no figures to draw in ${folder}`);
  const orphans = files.filter((file) => file.endsWith('.svg') && !pictures.has(file));
  if (orphans.length > 0) throw new Error(`no figures belong to ${orphans.join(', ')}: remove it`);

  const stale = [...pictures].filter(([name, svg]) => readIfThere(join(folder, name)) !== svg);
  if (isCheck && stale.length > 0) {
    const names = stale.map(([name]) => name).join(', ');
    throw new Error(`${names}: differs from the figures; run npm run draw`);
  }
  for (const [name, svg] of stale) writeFileSync(join(folder, name), svg);
  return `${pictures.size} pictures, ${stale.length} of them changed: ${folder}`;
}

async function picturesOf(file: string): Promise<ReadonlyMap<string, string>> {
  try {
    const pictures = new Map<string, string>();
    const charts = chartsOf(JSON.parse(readFileSync(file, 'utf8')));
    for (const [name, chart] of charts) pictures.set(`${name}.svg`, await toSvg(chart));
    return pictures;
  } catch (error) {
    throw new Error(`${file} cannot be drawn: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
