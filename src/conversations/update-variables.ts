import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type UpdateVariablesRequest,
  type UpdateVariablesResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';
import { defineRpc } from '../rpc/rpc.js';
import { type ChangeParts, changeConversation } from './change-conversation.js';
import { changed } from './conversation.js';
import { requireOfTenant } from './of-tenant.js';
import { conversationIdViolations, tenantViolations, variablesPatchViolations } from './rules.js';
import { mergeVariables } from './variables.js';

/** What changing a conversation needs. */
export interface UpdateVariablesParts extends ChangeParts {
  readonly tenants: TenantIds;
}

/** UpdateVariables: merges into a conversation's variables, as a refresh does. */
export function updateVariables(parts: UpdateVariablesParts) {
  return defineRpc({
    method: ChatSessions.method.updateVariables,
    codec: ChatSessionsService.updateVariables,
    scope: 'write',
    rules: (request) => [
      ...tenantViolations(request.tenant),
      ...conversationIdViolations(request.conversationId),
      ...variablesPatchViolations(request),
    ],

    async handle(request: UpdateVariablesRequest, call: AuthenticatedCall): Promise<UpdateVariablesResponse> {
      const tenantId = await requireTenantId(parts.tenants, call, request.tenant);
      const { conversationId } = request;
      const { revision } = await changeConversation(parts, conversationId, call.deadline, (found) => {
        const current = requireOfTenant(found, tenantId);
        if (current.endedAt !== undefined) {
          throw new ServiceError('conversation_ended', 'This conversation has ended.');
        }
        const variables = mergeVariables(current.variables, request, call.surface);
        return changed(current, 'updated', parts, { variables });
      });
      return { revision };
    },
  });
}
