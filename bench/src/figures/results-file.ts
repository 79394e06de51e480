import { constants, existsSync } from 'node:fs';
import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../command/options.js';
import { type Machine, thisMachine } from './machine.js';

/** The results of one measurement on one database. */
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
  /** The load generator. */
  readonly load?: string;
  readonly connections?: number;
  readonly rounds?: number;
  /** The length of a round. */
  readonly seconds?: number;
}

/** The results of one part in a JSON file, which is rewritten after each change. */
export interface ResultsFile<E extends Entry> {
  /** Adds an entry, or replaces the one of the same name and database. The others stay as they are. */
  put(entry: E): Promise<void>;
}

const VERSION = 1;

/**
 * Opens a results file. Without `file`, results are kept nowhere.
 *
 * @param kind the part, such as `scaling`
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

/** Describes a measurement on this machine, today. */
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

/** Entries of one name stand together in the file. */
function keyOf({ name, database }: Entry): string {
  return `${name}\0${database}`;
}

/** Formats JSON with a line per point and sample, so that a diff shows what changed. */
function toJson(results: object): string {
  const whole = JSON.stringify(results, undefined, 1);
  // The innermost lists and objects of numbers, on one line each.
  return `${whole.replace(/[{[]\n\s+(?:[^[\]{}]*?)\n\s*[}\]]/g, (inner) => inner.replace(/\n\s*/g, ' '))}\n`;
}

/** Writes a new file and renames it, so that an interrupted run leaves the old one. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
