import { type Command, Option } from 'commander';
import type { Conversation } from '../gen/protobuf-es/chatsessions/v1/conversation_pb.js';
import { type Context, type Remote, remote } from './context.js';
import type { FormatTime } from './format.js';
import { type ConnectionOptions, instant, positive, withConnection } from './options.js';
import { table } from './terminal/table.js';

/** The options of `conversations list`. */
interface ListOptions extends ConnectionOptions {
  readonly customerId?: string;
  readonly verified?: boolean;
  readonly state?: 'ongoing' | 'ended';
  readonly from?: Date;
  readonly before?: Date;
  readonly widgetKeyId?: string;
  readonly limit: number;
}

const STATES = { ongoing: 1, ended: 2 } as const;
const MAX_PAGE = 200;

/** `conversations list`: the last opened conversations first. */
export function addListConversations(conversations: Command, context: Context): void {
  withConnection(
    conversations
      .command('list')
      .argument('<tenant>', 'slug of the tenant')
      .description('list conversations, the last opened first')
      .option('--customer-id <id>', 'only of this customer')
      .option('--verified', 'only of verified customers')
      .addOption(new Option('--state <state>', 'only in this state').choices(Object.keys(STATES)))
      .option('--from <time>', 'only opened at this time or later', instant)
      .option('--before <time>', 'only opened before this time', instant)
      .option('--widget-key-id <id>', 'only opened with this widget key')
      .option('--limit <count>', 'the most to list', positive, 50),
    'chatsessions conversations list acme --state ongoing --limit 10',
  ).action((tenant: string, options: ListOptions) =>
    remote(context, options, (api) => listConversations(tenant, options, { api, context })),
  );
}

async function listConversations(
  tenant: string,
  options: ListOptions,
  { api, context }: { readonly api: Remote; readonly context: Context },
): Promise<void> {
  const { timestampFromDate } = await import('@bufbuild/protobuf/wkt');
  const { time } = await import('./format.js');
  const { customerId, verified, state, from, before, widgetKeyId, limit } = options;
  const query = {
    tenant,
    verifiedOnly: verified ?? false,
    ...(customerId !== undefined && { customerId }),
    ...(state && { state: STATES[state] }),
    ...(from && { openedFrom: timestampFromDate(from) }),
    ...(before && { openedBefore: timestampFromDate(before) }),
    ...(widgetKeyId !== undefined && { widgetKeyId }),
  };
  const found: Conversation[] = [];
  for (let pageToken: string | undefined = ''; pageToken !== undefined && found.length < limit; ) {
    const page = await api.chat.listConversations(
      { ...query, pageSize: Math.min(limit, MAX_PAGE), pageToken },
      api.call,
    );
    found.push(...page.conversations);
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
  }
  const listed = found.slice(0, limit);
  if (options.json) {
    context.print(JSON.stringify({ conversations: listed.map(api.toJson) }, null, 2));
    return;
  }
  const rows = listed.map((conversation) => rowOf(conversation, time));
  context.print(table(['CONVERSATION', 'OPENED', 'STATE', 'CUSTOMER', 'VERIFIED', 'ORIGIN'], rows));
}

/** The row of a conversation in a table. */
export function rowOf(conversation: Conversation, time: FormatTime): string[] {
  const { conversationId, openedAt, endedAt, customerId, customerVerified, origin } = conversation;
  const state = endedAt === undefined ? 'ongoing' : 'ended';
  return [
    conversationId,
    time(openedAt),
    state,
    customerId ?? '',
    customerVerified ? 'yes' : 'no',
    origin ?? '',
  ];
}
