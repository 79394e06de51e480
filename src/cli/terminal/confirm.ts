import { createInterface } from 'node:readline/promises';
import { CliFailure, usageFailure } from '../failure.js';
import type { Terminal } from './terminal.js';

/**
 * Asks a person to type `word` before something is deleted for good. `--yes` skips the question; without a person to
 * ask it is needed.
 *
 * @throws CliFailure when the person does not type the word
 */
export async function confirm(
  { stdin, isTerminal }: Pick<Terminal, 'stdin' | 'isTerminal'>,
  { yes, what, word }: { readonly yes: boolean | undefined; readonly what: string; readonly word: string },
): Promise<void> {
  if (yes) return;
  if (!isTerminal || stdin.isTTY !== true) throw usageFailure(`${what} Say --yes: nobody is there to ask.`);
  const lines = createInterface({ input: stdin, output: process.stdout });
  try {
    const typed = await lines.question(`${what} Type ${word} to go on: `);
    if (typed.trim() !== word) throw new CliFailure('nothing was deleted');
  } finally {
    lines.close();
  }
}
