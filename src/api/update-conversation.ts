import { type ChangeDeps, changeConversation } from '../conversations/change-conversation.js';
import { applyChange } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { toMessage } from '../conversations/message.js';
import { requireNotEnded, requireOfTenant } from '../conversations/of-tenant.js';
import {
  conversationIdViolations,
  localeViolations,
  variablesPatchViolations,
} from '../conversations/rules.js';
import { mergeVariables } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** UpdateConversation changes the variables, attributes and locale of a conversation. */
export const updateConversation = unary('updateConversation', {
  scope: 'write',
  rules: (request) => [
    ...conversationIdViolations(request.conversationId),
    ...variablesPatchViolations(request),
    ...localeViolations(request.locale),
  ],
  handle:
    (deps: Pick<Deps, keyof ChangeDeps>) =>
    async (request, { tenantId, signal }) => {
      const conversation = await changeConversation(
        deps,
        request.conversationId.toLowerCase(),
        signal,
        (found) => {
          const current = requireNotEnded(requireOfTenant(found, tenantId));
          return applyChange(current, 'updated', deps, {
            variables: mergeVariables(current.variables, request),
            locale: canonicalLocale(request.locale) ?? current.locale,
          });
        },
      );
      return { conversation: toMessage(conversation) };
    },
});
