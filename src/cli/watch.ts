import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { painter, visible } from './terminal/style.js';

/** The options of `watch`. */
interface WatchOptions extends ConnectionOptions {
  readonly resumeToken?: string;
}

const KINDS = ['?', 'opened', 'refreshed', 'updated', 'ended', 'erased'] as const;

/** `watch`: prints what happens to a tenant's conversations, until it is interrupted. */
export function addWatch(program: Command, context: Context): void {
  withConnection(
    program
      .command('watch')
      .argument('<tenant>', 'slug of the tenant')
      .option('--resume-token <token>', 'go on after the place that an earlier watch has printed at its end')
      .summary('print what happens to conversations')
      .description('print what happens to the conversations of a tenant, until it is interrupted'),
    'chatsessions watch acme --json | jq .conversation.conversationId',
  ).action((tenant: string, options: WatchOptions) =>
    remote(context, options, async ({ chat, signal, toJson }) => {
      const { time } = await import('./format.js');
      const paint = painter(context);
      let { resumeToken = '' } = options;
      try {
        for await (const batch of chat.watchConversations({ tenant, resumeToken }, { signal })) {
          for (const event of batch.events) {
            const { kind, happenedAt, revision, conversation } = event;
            context.print(
              options.json
                ? JSON.stringify(toJson(event))
                : [
                    time(happenedAt),
                    paint('cyan', (KINDS[kind] ?? '?').padEnd(9)),
                    conversation?.conversationId ?? '',
                    `revision ${revision}`,
                    visible(conversation?.customerId ?? ''),
                  ]
                    .join('  ')
                    .trimEnd(),
            );
          }
          await context.drained();
          resumeToken = batch.resumeToken;
        }
      } finally {
        if (resumeToken !== '') context.printError(`Go on with --resume-token ${visible(resumeToken)}`);
      }
    }),
  );
}
