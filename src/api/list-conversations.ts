import type { Query } from '../conversations/cursors.js';
import { ceilMs, toMessage } from '../conversations/message.js';
import { customerIdViolations, pageSizeViolations, timestampViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** ListConversations answers a tenant's conversations, newest first, page by page (AIP-158). Audited. */
export const listConversations = unary('listConversations', {
  scope: 'read',
  rules: ({ customerId, openedFrom, openedBefore, pageSize }) => [
    ...customerIdViolations(customerId),
    ...timestampViolations('openedFrom', openedFrom),
    ...timestampViolations('openedBefore', openedBefore),
    ...pageSizeViolations(pageSize),
  ],

  handle:
    ({ conversations, cursors }: Pick<Deps, 'conversations' | 'cursors'>) =>
    async (request, call) => {
      const { verifiedOnly, pageToken } = request;
      const { tenantId } = call;
      const customerId = request.customerId || undefined;
      const openedFrom = ceilMs(request.openedFrom);
      const openedBefore = ceilMs(request.openedBefore);
      const query: Query = [
        'ListConversations',
        tenantId,
        customerId,
        openedFrom,
        openedBefore,
        verifiedOnly,
      ];
      const place = pageToken === '' ? undefined : cursors.read(query, pageToken, 'pageToken');

      const pageSize = Math.min(request.pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
      const after = place && { createdAt: place.time, id: place.id };
      // One conversation more than the page holds shows whether there is a next page.
      const limit = pageSize + 1;
      const filter = { tenantId, customerId, verifiedOnly, openedFrom, openedBefore };
      const found = await conversations.list({ ...filter, after, limit });
      const page = found.slice(0, pageSize);
      const last = found.length > pageSize ? page.at(-1) : undefined;
      await call.audit.done(page.length);
      return {
        conversations: page.map(toMessage),
        nextPageToken: last ? cursors.make(query, { time: last.createdAt, id: last.id }) : '',
      };
    },
});
