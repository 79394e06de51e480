import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { usageFailure } from './failure.js';
import type { Terminal } from './terminal/terminal.js';

/** Reads a token from a file, or from standard input for `-`; undefined when the option is not given. @throws CliFailure */
export async function readSecret(
  { stdin }: Pick<Terminal, 'stdin'>,
  option: string,
  file: string | undefined,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (file === '-' ? await text(stdin) : await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw usageFailure(`${option}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
