/** The command line of `npm run bench`: picks the part that its arguments name. */

import { exitOnSignals } from '@chatsessions/test-harness';
import { UsageError } from './command/options.js';
import type { Part } from './command/part.js';
import { compare } from './compare/compare.js';
import { applyTenants } from './parts/apply-tenants.js';
import { coldStart } from './parts/cold-start.js';
import { eraseCustomer } from './parts/erase-customer.js';
import { memory } from './parts/memory.js';
import { verifySession } from './parts/verify-session.js';
import { scaling } from './scaling/scaling.js';
import { watchConversations } from './watch/watch-conversations.js';

/** The parts; the first one is the default. */
const PARTS: readonly [Part, ...Part[]] = [
  compare,
  scaling,
  memory,
  coldStart,
  verifySession,
  eraseCustomer,
  applyTenants,
  watchConversations,
];

// Child processes are killed on exit, and a signal alone would skip the exit handlers.
exitOnSignals();

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message} npm run bench -- --help says what there is.\n`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const [first = '', ...rest] = args;
  if (first === '--help' || first === '-h') {
    process.stdout.write(usage());
    return 0;
  }
  if (first === '' || first.startsWith('-')) return PARTS[0].run(args);
  const part = PARTS.find(({ name }) => name === first);
  if (part === undefined) throw new UsageError(`${JSON.stringify(first)} is not a part.`);
  return part.run(rest);
}

function usage(): string {
  const [byDefault] = PARTS;
  const width = Math.max(...PARTS.map(({ name }) => name.length));
  const list = PARTS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join('');
  return `Usage: npm run bench -- [part] [options]

Parts (${byDefault.name} unless said otherwise; npm run bench -- <part> --help tells more):
${list}
${byDefault.help.replace(/^.*\n/, `== ${byDefault.name} ==\n`)}`;
}
