import { type ChangeDeps, changeConversation } from '../conversations/change-conversation.js';
import { applyChange } from '../conversations/conversation.js';
import { requireNotEnded, requireOfTenant } from '../conversations/of-tenant.js';
import { conversationIdViolations, variablesPatchViolations } from '../conversations/rules.js';
import { mergeVariables } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** UpdateVariables merges a change into a conversation's variables, by the same rules as RefreshSession. */
export const updateVariables = unary('updateVariables', {
  scope: 'write',
  rules: (request) => [
    ...conversationIdViolations(request.conversationId),
    ...variablesPatchViolations(request),
  ],
  handle:
    (deps: Pick<Deps, keyof ChangeDeps>) =>
    async (request, { tenantId, surface, signal }) => {
      const { revision } = await changeConversation(deps, request.conversationId, signal, (found) => {
        const current = requireNotEnded(requireOfTenant(found, tenantId));
        const variables = mergeVariables(current.variables, request, surface);
        return applyChange(current, 'updated', deps, { variables });
      });
      return { revision };
    },
});
