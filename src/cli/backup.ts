import type { Command } from 'commander';
import type { Context } from './context.js';
import { CliFailure } from './failure.js';
import { withExample } from './options.js';

/** `backup`: copies the data of the embedded server while the service runs. */
export function addBackup(program: Command, context: Context): void {
  withExample(
    program
      .command('backup')
      .argument('<dir>', 'new or empty folder')
      .summary('copy the data of the embedded server while the service runs')
      .description(
        'copy the data of the embedded server (DATA_DIR), consistent and while the service runs, with the generated ' +
          'keys. Run it on the machine of the service. The copy is a DATA_DIR; for MongoDB use mongodump',
      ),
    'DATA_DIR=/var/lib/chatsessions chatsessions backup /backups/$(date +%F)',
  ).action(async (target: string) => {
    const { backup } = await import('../app/backup.js');
    const { StartError } = await import('../app/start-error.js');
    try {
      const keys = await backup(context.env['DATA_DIR'] || './data', target);
      context.print(`Copied to ${target}: the data${keys.map((name) => `, ${name}`).join('')}.`);
      context.print('Keep it as safe as the original: it holds conversations and keys.');
    } catch (error) {
      if (error instanceof StartError) throw new CliFailure(error.message);
      throw error;
    }
  });
}
