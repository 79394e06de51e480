import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type GetConversationRequest,
  type GetConversationResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditLog } from '../rpc/audit.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import type { ConversationStore } from './conversation.js';
import { toMessage } from './message.js';
import { requireOfTenant } from './of-tenant.js';
import { conversationIdViolations, tenantViolations } from './rules.js';

/** What reading a conversation needs. */
export interface GetConversationParts {
  readonly tenants: TenantIds;
  readonly conversations: Pick<ConversationStore, 'find'>;
  readonly audit: AuditLog;
}

/** GetConversation: one conversation, audited. */
export function getConversation({ tenants, conversations, audit }: GetConversationParts) {
  return defineRpc({
    method: ChatSessions.method.getConversation,
    codec: ChatSessionsService.getConversation,
    scope: 'read',
    rules: (request) => [
      ...tenantViolations(request.tenant),
      ...conversationIdViolations(request.conversationId),
    ],

    async handle(request: GetConversationRequest, call: AuthenticatedCall): Promise<GetConversationResponse> {
      const { tenant, conversationId } = request;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const conversation = requireOfTenant(await conversations.find(conversationId), tenantId);
      await audit.add(call, { action: 'GetConversation', tenantId, tenant, count: 1 });
      return { conversation: toMessage(conversation) };
    },
  });
}
