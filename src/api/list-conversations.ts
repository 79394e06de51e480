import type { ListedRow } from '../conversations/conversation.js';
import type { Query } from '../conversations/cursors.js';
import { listFilteredPage, listPage } from '../conversations/list-page.js';
import { ceilMs, toMessage } from '../conversations/message.js';
import {
  customerIdViolations,
  pageSizeViolations,
  stateViolations,
  timestampViolations,
  widgetKeyIdViolations,
} from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { ConversationState } from '../gen/ts-proto/chatsessions/v1/conversation.js';
import { unary } from '../rpc/define.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;
const STATES: readonly number[] = [
  ConversationState.UNSPECIFIED,
  ConversationState.ONGOING,
  ConversationState.ENDED,
];

/** ListConversations answers a tenant's conversations, newest first, page by page (AIP-158). Audited. */
export const listConversations = unary('listConversations', {
  scope: 'read',
  rules: ({ customerId, openedFrom, openedBefore, pageSize, state, widgetKeyId }) => [
    ...customerIdViolations(customerId),
    ...timestampViolations('openedFrom', openedFrom),
    ...timestampViolations('openedBefore', openedBefore),
    ...pageSizeViolations(pageSize),
    ...stateViolations(state, STATES),
    ...widgetKeyIdViolations(widgetKeyId),
  ],

  handle:
    ({ conversations, cursors }: Pick<Deps, 'conversations' | 'cursors'>) =>
    async (request, call) => {
      const { verifiedOnly, pageToken, state } = request;
      const { tenantId } = call;
      const customerId = request.customerId || undefined;
      const widgetKeyId = request.widgetKeyId.toLowerCase();
      const openedFrom = ceilMs(request.openedFrom);
      const openedBefore = ceilMs(request.openedBefore);
      const bounds = [customerId, openedFrom, openedBefore, verifiedOnly, state, widgetKeyId];
      const cursorQuery: Query = ['ListConversations', tenantId, ...bounds];
      const place = pageToken === '' ? undefined : cursors.read(cursorQuery, pageToken, 'pageToken');

      const pageSize = Math.min(request.pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
      const after = place && { createdAt: place.time, id: place.id };
      const query = { tenantId, customerId, verifiedOnly, openedFrom, openedBefore, after };
      const matches = ({ keyId, endedAt }: ListedRow) =>
        (state === ConversationState.UNSPECIFIED ||
          (state === ConversationState.ENDED) === (endedAt !== undefined)) &&
        (widgetKeyId === '' || widgetKeyId === keyId);
      const isFiltered = state !== ConversationState.UNSPECIFIED || widgetKeyId !== '';
      const page = isFiltered
        ? await listFilteredPage(conversations, query, pageSize, matches, call.signal)
        : await listPage(conversations, query, pageSize);
      await call.audit.done(page.conversations.length);
      return {
        conversations: page.conversations.map(toMessage),
        nextPageToken: page.next
          ? cursors.make(cursorQuery, { time: page.next.createdAt, id: page.next.id })
          : '',
      };
    },
});
