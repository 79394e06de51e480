import { requireOfTenant } from '../conversations/of-tenant.js';
import { conversationIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** GetRevision: how often a conversation was changed, audited. */
export const getRevision = unary('getRevision', {
  scope: 'read',
  rules: ({ conversationId }) => conversationIdViolations(conversationId),
  handle:
    ({ conversations }: Pick<Deps, 'conversations'>) =>
    async ({ conversationId }, { tenantId, audit }) => {
      const { revision } = requireOfTenant(await conversations.find(conversationId), tenantId);
      await audit.done(1);
      return { revision };
    },
});
