import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type ListConversationsRequest,
  type ListConversationsResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Timestamp } from '../gen/ts-proto/google/protobuf/timestamp.js';
import type { AuditLog } from '../rpc/audit.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import type { ConversationStore } from './conversation.js';
import type { Cursors, Query } from './cursors.js';
import { toMessage } from './message.js';
import { customerIdViolations, pageSizeViolations, tenantViolations, timestampViolations } from './rules.js';

/** What listing conversations needs. */
export interface ListConversationsParts {
  readonly tenants: TenantIds;
  readonly conversations: Pick<ConversationStore, 'list'>;
  readonly audit: AuditLog;
  readonly cursors: Cursors;
}

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** ListConversations: a tenant's conversations, newest first, page by page (AIP-158), audited. */
export function listConversations({ tenants, conversations, audit, cursors }: ListConversationsParts) {
  return defineRpc({
    method: ChatSessions.method.listConversations,
    codec: ChatSessionsService.listConversations,
    scope: 'read',
    rules: (request) => [
      ...tenantViolations(request.tenant),
      ...customerIdViolations(request.customerId),
      ...timestampViolations('openedFrom', request.openedFrom),
      ...timestampViolations('openedBefore', request.openedBefore),
      ...pageSizeViolations(request.pageSize),
    ],

    async handle(
      request: ListConversationsRequest,
      call: AuthenticatedCall,
    ): Promise<ListConversationsResponse> {
      const { tenant, verifiedOnly, pageToken } = request;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const customerId = request.customerId || undefined;
      const openedFrom = toMs(request.openedFrom);
      const openedBefore = toMs(request.openedBefore);
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
      const found = await conversations.list({
        tenantId,
        customerId,
        verifiedOnly,
        openedFrom,
        openedBefore,
        after: place && { createdAt: place.time, id: place.id },
        // One more tells whether there is another page.
        limit: pageSize + 1,
      });
      const page = found.slice(0, pageSize);
      const last = found.length > pageSize ? page.at(-1) : undefined;
      await audit.add(call, { action: 'ListConversations', tenantId, tenant, count: page.length });
      return {
        conversations: page.map(toMessage),
        nextPageToken: last ? cursors.make(query, { time: last.createdAt, id: last.id }) : '',
      };
    },
  });
}

/** Stored times have whole milliseconds: the first of them at or after this time. */
function toMs(time: Timestamp | undefined): number | undefined {
  return time && time.seconds * 1000 + Math.ceil(time.nanos / 1_000_000);
}
