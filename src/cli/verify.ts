import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { EXIT } from './failure.js';
import { readSecret } from './inputs.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { painter, visible } from './terminal/style.js';

/** The options of `verify`. */
interface VerifyOptions extends ConnectionOptions {
  readonly intent?: string;
}

/** `verify`: whose a session token is, and whether it is good now. */
export function addVerify(program: Command, context: Context): void {
  withConnection(
    program
      .command('verify')
      .argument(
        '[token]',
        'the session token; better from standard input: others on this machine see arguments',
      )
      .summary('verify a session token')
      .description('verify a session token: its customer and conversation; exit code 1 if it is not good')
      .option('--intent <name>', 'ask whether the session may start this intent; exit code 1 if not'),
    'chatsessions verify < token.txt',
  ).action((token: string | undefined, options: VerifyOptions) =>
    remote(context, options, async ({ chat, answer, call }) => {
      const { time } = await import('./format.js');
      const given =
        token === undefined || token === '-' ? await readSecret(context, 'standard input', '-') : token;
      const response = await chat.verifySession(
        { token: given ?? '', intentName: options.intent ?? '' },
        call,
      );
      answer(response, () => {
        const { customerId, customerVerified, origin, intentAllowed } = response;
        const customer =
          customerId === undefined
            ? 'a guest'
            : `${visible(customerId)} (${customerVerified ? 'verified' : 'not verified'})`;
        return [
          `${painter(context)('green', 'good')} until ${time(response.expiresAt)}`,
          `tenant        ${visible(response.tenant)}`,
          `conversation  ${response.conversationId}`,
          `customer      ${customer}`,
          `origin        ${visible(origin ?? '-')}`,
          ...(intentAllowed === undefined
            ? []
            : [`intent        ${intentAllowed ? 'allowed' : 'not allowed'}`]),
        ].join('\n');
      });
      if (response.intentAllowed === false) context.exitWith(EXIT.failed);
    }),
  );
}
