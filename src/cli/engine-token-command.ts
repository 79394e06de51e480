import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { Context } from './context.js';
import { withExample } from './options.js';
import { openNew } from './terminal/secrets.js';

/** `engine-token`: makes a token for an engine caller, or prints the hash of one. */
export function addEngineToken(program: Command, context: Context): void {
  withExample(
    program
      .command('engine-token')
      .description('make a token for an engine caller, with its hash for the callers file')
      .option('--hash', 'print the hash of the token on standard input instead')
      .option('--out <file>', 'new file for the token, mode 0600 (standard output)'),
    'chatsessions engine-token --out shop-backend.token',
  ).action(async ({ hash, out }: { readonly hash?: boolean; readonly out?: string }) => {
    const { engineToken, engineTokenHash } = await import('./engine-token.js');
    const { print, printError, stdin } = context;
    if (hash) {
      context.exitWith(await engineTokenHash({ input: stdin, print, printError }));
      return;
    }
    const file = out === undefined ? undefined : await openNew(out);
    try {
      const { token, hash } = engineToken({ randomBytes });
      printError(
        'The token, shown this once, is for the service; its hash goes into tokenHashes of the callers file.',
      );
      if (file) await file.writeFile(`${token}\n`);
      else print(token);
      print(hash);
    } finally {
      await file?.close();
    }
  });
}
