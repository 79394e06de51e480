import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { usageFailure } from './failure.js';
import { rowOf } from './list-conversations.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { confirm } from './terminal/confirm.js';
import { table } from './terminal/table.js';
import { untilComplete } from './until-complete.js';

interface CustomerOptions extends ConnectionOptions {
  readonly customerId: string;
}

/** `conversations end`, `erase` and `export`: what is done with all conversations of a customer. */
export function addCustomerCommands(conversations: Command, context: Context): void {
  withConnection(
    conversations
      .command('end')
      .argument('<tenant>', 'slug of the tenant')
      .argument('[conversation]', 'UUID of the conversation')
      .option('--customer-id <id>', 'all conversations of this customer instead')
      .description('end one conversation, or all of a customer, for good'),
    'chatsessions conversations end acme --customer-id u-42',
  ).action(async (tenant: string, conversationId: string | undefined, options: Partial<CustomerOptions>) => {
    const { customerId } = options;
    if ((conversationId === undefined) === (customerId === undefined))
      throw usageFailure('say which conversation, or --customer-id');
    await remote(context, options, async (api) => {
      if (customerId !== undefined) {
        const endedCount = await untilComplete(context, api, async (call) => {
          const { endedCount, complete } = await api.chat.endCustomerSessions({ tenant, customerId }, call);
          return { count: endedCount, complete };
        });
        const done = { endedCount, complete: true };
        context.print(options.json ? JSON.stringify(done, null, 2) : `${endedCount} conversations ended.`);
        return;
      }
      if (conversationId === undefined) return;
      const response = await api.chat.endConversation({ tenant, conversationId }, api.call);
      api.answer(response, () => `Conversation ${conversationId} has ended.`);
    });
  });

  withConnection(
    conversations
      .command('erase')
      .argument('<tenant>', 'slug of the tenant')
      .requiredOption('--customer-id <id>', 'the customer')
      .option('--yes', 'do not ask')
      .description('delete all conversations of a customer for good'),
    'chatsessions conversations erase acme --customer-id u-42',
  ).action(async (tenant: string, options: CustomerOptions & { readonly yes?: boolean }) => {
    const { customerId } = options;
    const what = `All conversations of customer ${customerId} are deleted.`;
    await confirm(context, { yes: options.yes, what, word: customerId });
    await remote(context, options, async (api) => {
      const erasedCount = await untilComplete(context, api, async (call) => {
        const { erasedCount, complete } = await api.chat.eraseCustomer({ tenant, customerId }, call);
        return { count: erasedCount, complete };
      });
      const done = { erasedCount, complete: true };
      context.print(options.json ? JSON.stringify(done, null, 2) : `${erasedCount} conversations deleted.`);
    });
  });

  withConnection(
    conversations
      .command('export')
      .argument('<tenant>', 'slug of the tenant')
      .requiredOption('--customer-id <id>', 'the customer')
      .option('--verified', 'only conversations whose customer was verified')
      .description('print all conversations of a customer, newest first; with --json one a line'),
    'chatsessions conversations export acme --customer-id u-42 --json > u-42.jsonl',
  ).action((tenant: string, options: CustomerOptions & { readonly verified?: boolean }) =>
    remote(context, options, async ({ chat, signal, toJson }) => {
      const { time } = await import('./format.js');
      const rows: string[][] = [];
      const request = { tenant, customerId: options.customerId, verifiedOnly: options.verified ?? false };
      for await (const { conversation } of chat.exportCustomer(request, { signal })) {
        if (conversation === undefined) continue;
        if (options.json) {
          context.print(JSON.stringify(toJson(conversation)));
          await context.drained();
        } else {
          rows.push(rowOf(conversation, time));
        }
      }
      if (!options.json)
        context.print(table(['CONVERSATION', 'OPENED', 'STATE', 'CUSTOMER', 'VERIFIED', 'ORIGIN'], rows));
    }),
  );
}
