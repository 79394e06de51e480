import { type ChangeDeps, endForGood } from '../conversations/change-conversation.js';
import { requireOfTenant } from '../conversations/of-tenant.js';
import { conversationIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** EndConversation ends a conversation for good. It needs no session token. */
export const endConversation = unary('endConversation', {
  scope: 'write',
  rules: ({ conversationId }) => conversationIdViolations(conversationId),
  handle:
    (deps: Pick<Deps, keyof ChangeDeps>) =>
    async ({ conversationId }, { tenantId, signal }) => {
      await endForGood(deps, conversationId.toLowerCase(), signal, (found) =>
        requireOfTenant(found, tenantId),
      );
      return {};
    },
});
