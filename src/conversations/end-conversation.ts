import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type EndConversationRequest,
  type EndConversationResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import { type ChangeParts, endForGood } from './change-conversation.js';
import { requireOfTenant } from './of-tenant.js';
import { conversationIdViolations, tenantViolations } from './rules.js';

/** What ending a conversation needs. */
export interface EndConversationParts extends ChangeParts {
  readonly tenants: TenantIds;
}

/** EndConversation: ends a conversation for good, without its token. */
export function endConversation(parts: EndConversationParts) {
  return defineRpc({
    method: ChatSessions.method.endConversation,
    codec: ChatSessionsService.endConversation,
    scope: 'write',
    rules: (request) => [
      ...tenantViolations(request.tenant),
      ...conversationIdViolations(request.conversationId),
    ],

    async handle(request: EndConversationRequest, call: AuthenticatedCall): Promise<EndConversationResponse> {
      const tenantId = await requireTenantId(parts.tenants, call, request.tenant);
      await endForGood(parts, request.conversationId, call.deadline, (found) =>
        requireOfTenant(found, tenantId),
      );
      return {};
    },
  });
}
