import { timestamp } from '../conversations/message.js';
import { variablesViolations } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { requireTenantAccess } from '../rpc/authorize.js';
import { unary } from '../rpc/define.js';
import { requireOrigin, requireUsable } from '../sessions/admission.js';
import { resolveCustomer } from '../sessions/customer-token.js';
import { idempotencyKeyOf, requireRetry } from '../sessions/idempotency.js';
import { newConversation, type OpenDeps } from '../sessions/new-conversation.js';
import { explainedRequestViolations } from '../sessions/open-rules.js';

/** OpenSession stores a new conversation and answers its first session token, with what the widget may offer. */
export const openSession = unary('openSession', {
  scope: 'open',
  rules: (request) => [
    ...explainedRequestViolations(request),
    ...(request.variables ? variablesViolations(request.variables) : []),
  ],

  handle:
    (deps: Pick<Deps, keyof OpenDeps | 'views' | 'originReports' | 'conversations' | 'tokens'>) =>
    async (request, call) => {
      const { views, originReports, conversations, tokens, now } = deps;
      const idempotencyKey = idempotencyKeyOf(call);
      const view = await views.get(request.publicKey);
      // Checked first: a caller without rights to the key's tenant must not learn whether the key is enabled.
      if (view) requireTenantAccess(call, view.tenantSlug);
      requireUsable(view, now(), request.publicKey);
      const origin = requireOrigin(view, call);
      if (call.surface === 'chat') originReports.opened(view, origin);
      const customer = await resolveCustomer(request, {
        identity: view.identity,
        keyId: view.keyId,
        tenantSlug: view.tenantSlug,
        now: now(),
      });

      const opened = newConversation(deps, { request, call, view, origin, customer, idempotencyKey });
      const stored = await conversations.insert(opened, call.signal);
      const { id, session } = stored ? requireRetry(stored, opened, now()) : opened;
      const { tenantId, keyId, offer } = view;
      return {
        sessionToken: tokens.sign({ conversationId: id, tenantId, keyId, ...session }),
        conversationId: id,
        expiresAt: timestamp(session.exp * 1000),
        ...offer,
      };
    },
});
