import type { Command } from 'commander';
import type { Conversation } from '../gen/protobuf-es/chatsessions/v1/conversation_pb.js';
import { type Context, remote } from './context.js';
import { addCustomerCommands } from './customer-conversations.js';
import type { FormatTime } from './format.js';
import { addListConversations } from './list-conversations.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { visible } from './terminal/style.js';

/** The commands of stored conversations. */
export function addConversations(program: Command, context: Context): void {
  const conversations = program
    .command('conversations')
    .description('list, read, end, erase and export conversations');
  addListConversations(conversations, context);

  withConnection(
    conversations
      .command('get')
      .argument('<tenant>', 'slug of the tenant')
      .argument('<conversation>', 'UUID of the conversation')
      .description('print one conversation'),
    'chatsessions conversations get acme 01a20483-398d-757d-b9af-be46b8e5e25d',
  ).action((tenant: string, conversationId: string, options: ConnectionOptions) =>
    remote(context, options, async ({ chat, answer, call }) => {
      const { conversation } = await chat.getConversation({ tenant, conversationId }, call);
      if (conversation === undefined) return;
      const { time } = await import('./format.js');
      answer(conversation, () => describe(conversation, time));
    }),
  );

  addCustomerCommands(conversations, context);
}

function describe(conversation: Conversation, time: FormatTime): string {
  const { customerId, customerVerified, untrusted, attributes, origin, endedAt } = conversation;
  const lines: readonly (readonly [string, string])[] = [
    ['conversation', conversation.conversationId],
    ['widget key', conversation.widgetKeyId],
    [
      'customer',
      customerId === undefined ? '-' : `${customerId}${customerVerified ? ' (verified)' : ' (not verified)'}`,
    ],
    ['origin', origin ?? '-'],
    ['opened', time(conversation.openedAt)],
    ['updated', `${time(conversation.updatedAt)} (revision ${conversation.revision})`],
    ['expires', time(conversation.expiresAt)],
    ['ended', endedAt ? time(endedAt) : '-'],
    ['locale', untrusted?.locale ?? '-'],
    ['variables', JSON.stringify(untrusted?.variables ?? {})],
    ['attributes', JSON.stringify(attributes ?? {})],
  ];
  return lines.map(([name, value]) => `${name.padEnd(14)}${visible(value)}`).join('\n');
}
