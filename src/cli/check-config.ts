import type { Command } from 'commander';
import type { Context } from './context.js';
import { EXIT } from './failure.js';
import { withExample } from './options.js';
import { table } from './terminal/table.js';

/** `check-config`: prints the configuration that `serve` would run with, and all that is wrong with it. */
export function addCheckConfig(program: Command, context: Context): void {
  withExample(
    program
      .command('check-config')
      .summary('print what would run, and what is wrong with it')
      .description(
        'print what would run: each value and where it comes from, secrets masked; exit code 1 with all problems. ' +
          'It reads the files that are named, and neither opens the database nor listens',
      )
      .option('--json', 'print JSON for scripts'),
    'NODE_ENV=production chatsessions check-config',
  ).action(async ({ json }: { readonly json?: boolean }) => {
    const { checkConfig } = await import('../app/check-config.js');
    const { settings, problems } = await checkConfig(context.env);
    if (json) {
      context.print(JSON.stringify({ settings, problems }, null, 2));
    } else {
      const rows = settings.map(({ name, value, source }) => [name, value ?? '', source]);
      context.print(table(['VARIABLE', 'VALUE', 'FROM'], rows));
      for (const problem of problems) context.printError(`chatsessions: ${problem}`);
    }
    if (problems.length > 0) context.exitWith(EXIT.failed);
  });
}
