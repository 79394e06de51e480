import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { readSecret } from './inputs.js';
import { type ConnectionOptions, duration, type JsonObject, jsonObject, withConnection } from './options.js';
import { visible } from './terminal/style.js';

/** The options of `open`. */
interface OpenOptions extends ConnectionOptions {
  readonly key: string;
  readonly customerId?: string;
  readonly customerTokenFile?: string;
  readonly vouch?: boolean;
  readonly locale?: string;
  readonly variables?: JsonObject;
  readonly attributes?: JsonObject;
  readonly continueLatest?: boolean;
  readonly ttl?: number;
}

/** `open`: opens a session as a service does. */
export function addOpen(program: Command, context: Context): void {
  withConnection(
    program
      .command('open')
      .description('open a session, and print its token')
      .requiredOption('--key <public key>', 'the public key')
      .option('--customer-id <id>', 'the customer')
      .option('--customer-token-file <file>', 'file with the customer token; - is standard input')
      .option('--vouch', 'say that you know the customer to be who they are (scope vouch)')
      .option('--locale <tag>', 'the language')
      .option('--variables <json>', 'JSON object, untrusted', jsonObject)
      .option('--attributes <json>', 'JSON object, trusted', jsonObject)
      .option('--continue-latest', 'go on with the verified customer’s latest conversation')
      .option('--ttl <duration>', 'how long the session lasts, such as 15m', duration),
    `chatsessions open --key pk_live_de300000000000000000000000000001 --variables '{"cart_total":129}'`,
  ).action((options: OpenOptions) =>
    remote(context, options, async ({ chat, answer, call }) => {
      const { seconds, time } = await import('./format.js');
      const { customerId, locale, variables, attributes, ttl } = options;
      const customerToken = await readSecret(context, '--customer-token-file', options.customerTokenFile);
      const request = {
        publicKey: options.key,
        customerVerified: options.vouch ?? false,
        continueLatest: options.continueLatest ?? false,
        ...(customerId !== undefined && { customerId }),
        ...(customerToken !== undefined && { customerToken }),
        ...(locale !== undefined && { locale }),
        ...(variables && { variables }),
        ...(attributes && { attributes }),
        ...(ttl !== undefined && { ttl: seconds(ttl) }),
      };
      const response = await chat.openSession(request, call);
      answer(response, () =>
        [
          `token         ${response.sessionToken}`,
          `conversation  ${response.conversationId}`,
          `expires       ${time(response.expiresAt)}`,
          `widget        ${visible(response.widget?.label ?? '')}`,
          `intents       ${visible(response.intents.map(({ name }) => name).join(' '))}`,
        ].join('\n'),
      );
    }),
  );
}
