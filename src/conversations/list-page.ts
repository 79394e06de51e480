import { type CallSignal, throwIfEnded } from '../rpc/call-signal.js';
import type { Conversation, ConversationQuery, ConversationStore, ListedRow } from './conversation.js';

/** A page of conversations, and the row that the next page comes after; undefined on the last page. */
export interface ListPage {
  readonly conversations: readonly Conversation[];
  readonly next: Pick<ListedRow, 'createdAt' | 'id'> | undefined;
}

/** How many rows one query reads for a filtered page. */
const SCAN_SIZE = 1_000;
/** How many rows are read for one filtered page, so that a rare match cannot make a page read a tenant's whole past. */
const MAX_SCANNED = 10_000;

/** Reads a page of conversations by an index. */
export async function listPage(
  conversations: Pick<ConversationStore, 'list'>,
  query: Omit<ConversationQuery, 'limit'>,
  pageSize: number,
): Promise<ListPage> {
  // One conversation more than the page holds shows whether there is a next page.
  const found = await conversations.list({ ...query, limit: pageSize + 1 });
  const page = found.slice(0, pageSize);
  return { conversations: page, next: found.length > pageSize ? page.at(-1) : undefined };
}

/**
 * Reads a page of the conversations that match a condition that no index serves. It reads at most {@link MAX_SCANNED} rows,
 * so a page may hold fewer conversations than its size and still have a next one (AIP-158).
 *
 * @throws ServiceError when the call ends before the page is read
 */
export async function listFilteredPage(
  conversations: Pick<ConversationStore, 'listRows' | 'findAll'>,
  query: Omit<ConversationQuery, 'limit'>,
  pageSize: number,
  matches: (row: ListedRow) => boolean,
  signal: CallSignal,
): Promise<ListPage> {
  const rows: ListedRow[] = [];
  let { after } = query;
  let hasMore = true;
  for (let scanned = 0; hasMore && scanned < MAX_SCANNED && rows.length < pageSize; scanned += SCAN_SIZE) {
    throwIfEnded(signal);
    const page = await conversations.listRows({ ...query, after, limit: SCAN_SIZE });
    const found = page.filter(matches);
    const taken = found.slice(0, pageSize - rows.length);
    rows.push(...taken);
    after = rows.length === pageSize ? taken.at(-1) : page.at(-1);
    hasMore = page.length === SCAN_SIZE || found.length > taken.length;
  }
  const byId = new Map((await conversations.findAll(rows.map(({ id }) => id))).map((one) => [one.id, one]));
  const loaded = rows.flatMap(({ id }) => byId.get(id) ?? []);
  return {
    // Some may have changed since the rows were read.
    conversations: loaded.filter((one) => matches(one) && isOfCustomer(one, query)),
    next: hasMore ? after : undefined,
  };
}

function isOfCustomer(
  conversation: Conversation,
  { customerId, verifiedOnly }: Omit<ConversationQuery, 'limit'>,
): boolean {
  if (verifiedOnly && !conversation.customerVerified) return false;
  return customerId === undefined || conversation.customerId === customerId;
}
