import type { Command } from 'commander';
import type { ApplyOptions } from './apply-options.js';
import { type Context, remote } from './context.js';
import { usageFailure } from './failure.js';
import { collect, positive, withConnection } from './options.js';
import { requirePlace } from './terminal/secrets.js';

/** `apply`: makes tenants what tenant files say, and prints what has changed. */
export function addApply(program: Command, context: Context): void {
  withConnection(
    program
      .command('apply')
      .summary('make tenants what tenant files say, and print what has changed')
      .description(
        'make tenants what tenant files say, and print what has changed. Applying again changes nothing, so that an ' +
          'interrupted apply is repeated. A file is checked whole before anything is written; one of many tenants may ' +
          'have several YAML documents',
      )
      .requiredOption(
        '-f, --file <file>',
        'tenant file (YAML), may be given several times; - is standard input',
        collect,
      )
      .option('--dry-run', 'only print what would change')
      .option('--prune', 'disable the widget keys that a file does not name')
      .option(
        '--expected-revision <number>',
        'refuse unless the one tenant has this revision; 0: is new',
        revision,
      )
      .option('--concurrency <count>', 'tenants in flight', positive, 8)
      .option('--verbose', 'print the changes of each tenant when there are many')
      .option('--out <file>', 'new file for identity secrets that are made, mode 0600 (the terminal)'),
    'chatsessions apply -f tenants.yaml --dry-run\nchatsessions apply -f tenants.yaml --prune',
  ).action(async (options: ApplyOptions) => {
    const { readTenants } = await import('./read-tenants.js');
    const tenants = await readTenants(options.file, context);
    if (options.expectedRevision !== undefined && tenants.length !== 1)
      throw usageFailure('--expected-revision is for a file of one tenant');
    if (!options.dryRun && tenants.some(({ makesSecrets }) => makesSecrets)) requirePlace(context, options);
    const { applyAll } = await import('./apply-all.js');
    await remote(context, options, (api) => applyAll(tenants, options, { api, context }));
  });
}

function revision(text: string): number {
  return text === '0' ? 0 : positive(text);
}
