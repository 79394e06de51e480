import type { Command } from 'commander';
import type { Context } from './context.js';
import { CliFailure } from './failure.js';
import { withExample } from './options.js';

/**
 * `serve`: starts the service. It is what runs when no command is given. `configurationHelp` is there when help is
 * asked for: commander prints help without waiting for an import.
 */
export function addServe(program: Command, context: Context, configurationHelp: () => string): void {
  withExample(
    program
      .command('serve')
      .description('start the service (what runs without a command)')
      .addHelpText('after', configurationHelp),
    'HTTP_ADDR=127.0.0.1:8081 chatsessions serve',
  ).action(async () => {
    // Loaded here, so that the other commands do not wait half a second for the whole service.
    const { serve } = await import('./serve.js');
    const { ConfigError } = await import('../app/config.js');
    const { StartError } = await import('../app/start-error.js');
    try {
      context.exitWith(await serve(context.env, context.print));
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
      throw new CliFailure(error.message);
    }
  });
}
