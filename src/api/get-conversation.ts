import { toMessage } from '../conversations/message.js';
import { requireOfTenant } from '../conversations/of-tenant.js';
import { conversationIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** GetConversation answers one conversation of a tenant. Audited. */
export const getConversation = unary('getConversation', {
  scope: 'read',
  rules: ({ conversationId }) => conversationIdViolations(conversationId),
  handle:
    ({ conversations }: Pick<Deps, 'conversations'>) =>
    async ({ conversationId }, { tenantId, audit }) => {
      const conversation = requireOfTenant(await conversations.find(conversationId.toLowerCase()), tenantId);
      await audit.done(1);
      return { conversation: toMessage(conversation) };
    },
});
