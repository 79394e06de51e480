import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type ExportCustomerRequest,
  type ExportCustomerResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditLog } from '../rpc/audit.js';
import type { StreamCall } from '../rpc/call.js';
import { defineStreamRpc } from '../rpc/rpc.js';
import type { Conversation, ConversationStore } from './conversation.js';
import { toMessage } from './message.js';
import { customerIdViolations, tenantViolations } from './rules.js';

/** What exporting a customer needs. */
export interface ExportCustomerParts {
  readonly tenants: TenantIds;
  readonly conversations: Pick<ConversationStore, 'list'>;
  readonly audit: AuditLog;
}

/** How many conversations are read at once: what an export holds in memory. */
const PAGE = 50;

/** ExportCustomer: all conversations of a customer, newest first, one by one, as fast as they are taken. Audited. */
export function exportCustomer({ tenants, conversations, audit }: ExportCustomerParts) {
  return defineStreamRpc({
    method: ChatSessions.method.exportCustomer,
    codec: ChatSessionsService.exportCustomer,
    scope: 'read',
    rules: (request) => [...tenantViolations(request.tenant), ...customerIdViolations(request.customerId)],

    async *handle(
      request: ExportCustomerRequest,
      call: StreamCall,
    ): AsyncGenerator<ExportCustomerResponse, void, void> {
      const { tenant, customerId, verifiedOnly } = request;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const entry = { action: 'ExportCustomer', tenantId, tenant } as const;
      await audit.add(call, { ...entry, phase: 'started' });

      let count = 0;
      try {
        let page: readonly Conversation[];
        let after: Conversation | undefined;
        do {
          page = await conversations.list({ tenantId, customerId, verifiedOnly, after, limit: PAGE });
          for (const conversation of page) {
            // What a reader that goes away has taken is not known: the audit must not say too little.
            count++;
            yield { conversation: toMessage(conversation) };
          }
          after = page.at(-1);
        } while (page.length === PAGE);
      } finally {
        await audit.add(call, { ...entry, phase: 'finished', count });
      }
    },
  });
}
