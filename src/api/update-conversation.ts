import { type ChangeDeps, changeConversation } from '../conversations/change-conversation.js';
import { changeFields } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { toMessage } from '../conversations/message.js';
import { requireNotEnded, requireOfTenant, requireRevision } from '../conversations/of-tenant.js';
import {
  conversationIdViolations,
  expectedRevisionViolations,
  localeViolations,
  mapsPatchViolations,
} from '../conversations/rules.js';
import { mergeMaps } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** UpdateConversation changes the variables, attributes and locale of a conversation. */
export const updateConversation = unary('updateConversation', {
  scope: 'write',
  rules: (request) => [
    ...conversationIdViolations(request.conversationId),
    ...mapsPatchViolations(request),
    ...localeViolations(request.locale),
    ...expectedRevisionViolations(request.expectedRevision),
  ],
  handle:
    (deps: Pick<Deps, keyof ChangeDeps>) =>
    async (request, { tenantId, signal }) => {
      const id = request.conversationId.toLowerCase();
      const conversation = await changeConversation(deps, id, signal, (found) => {
        const ongoing = requireNotEnded(requireOfTenant(found, tenantId));
        const current = requireRevision(ongoing, request.expectedRevision);
        return changeFields(current, 'updated', deps, {
          ...mergeMaps(current, request),
          locale: canonicalLocale(request.locale) ?? current.locale,
        });
      });
      return { conversation: toMessage(conversation) };
    },
});
