import { constants, existsSync } from 'node:fs';
import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../command/options.js';
import { type Machine, thisMachine } from './machine.js';

/** What was measured of one thing, on one database. */
export interface Entry {
  readonly name: string;
  /** See {@link Databases}. */
  readonly database: string;
  readonly measured: Measured;
}

/** How something was measured. */
export interface Measured extends Pick<Machine, 'node' | 'cpus' | 'cpu'> {
  /** Such as `2026-11-22`. */
  readonly date: string;
  /** What the load came from. */
  readonly load?: string;
  readonly connections?: number;
  readonly rounds?: number;
  /** Length of a round. */
  readonly seconds?: number;
}

/** The figures of one part, in a file that is written as they come. */
export interface ResultsFile<E extends Entry> {
  /** Adds an entry, or replaces the one of the same name and database. The others stay as they are. */
  put(entry: E): Promise<void>;
}

const VERSION = 1;

/**
 * The results in a file; nowhere when there is no `file`.
 *
 * @param kind which part they are of: `scaling`, say
 * @throws UsageError when the file is something else, or cannot be written
 */
export async function openResultsFile<E extends Entry>(
  file: string | undefined,
  kind: string,
): Promise<ResultsFile<E>> {
  if (file === undefined) return { put: async () => {} };
  const entries = new Map((await readEntries<E>(file, kind)).map((entry) => [keyOf(entry), entry]));
  let writing = Promise.resolve();
  return {
    put(entry) {
      entries.set(keyOf(entry), entry);
      const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
      writing = writing.then(() => writeWhole(file, toJson({ kind, version: VERSION, entries: sorted })));
      return writing;
    },
  };
}

/** The present machine, at the present time. */
export function measuredHere(now: () => Date = () => new Date()): Measured {
  const { node, cpus, cpu } = thisMachine();
  return { date: now().toISOString().slice(0, 10), node, cpus, cpu };
}

async function readEntries<E extends Entry>(file: string, kind: string): Promise<readonly E[]> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch {
    throw new UsageError(`${file} cannot be written: its folder is not there, or not ours.`);
  }
  if (!existsSync(file)) return [];
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`${file} is there and cannot be read.`);
  });
  const found = parse(text);
  if (found?.['kind'] !== kind || found['version'] !== VERSION || !Array.isArray(found['entries'])) {
    throw new UsageError(`${file} is there and has no results of ${kind}, version ${VERSION}.`);
  }
  return found['entries'];
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Embedded and real servers of a name beside one another. */
function keyOf({ name, database }: Entry): string {
  return `${name}\0${database}`;
}

/** A line for each point and sample: what changed can be seen in a diff. */
function toJson(results: object): string {
  const whole = JSON.stringify(results, undefined, 1);
  // The innermost lists and objects of numbers, on one line each.
  return `${whole.replace(/[{[]\n\s+(?:[^[\]{}]*?)\n\s*[}\]]/g, (inner) => inner.replace(/\n\s*/g, ' '))}\n`;
}

/** Whoever is stopped in the middle leaves the file as it was. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
