import type { Conversation } from '../conversations/conversation.js';
import { timestamp } from '../conversations/message.js';
import { mapViolations } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { requireScope, requireTenantAccess } from '../rpc/authorize.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { unary } from '../rpc/define.js';
import { requireOrigin, requireUsable } from '../sessions/admission.js';
import { type ContinueDeps, continueLatest, type OpenedSession } from '../sessions/continue-latest.js';
import { resolveCustomer } from '../sessions/customer-token.js';
import { engineFieldsViolations } from '../sessions/engine-fields.js';
import { idempotencyKeyOf, requireRetry } from '../sessions/idempotency.js';
import { newConversation, type OpenDeps } from '../sessions/new-conversation.js';
import { explainedRequestViolations } from '../sessions/open-rules.js';

/**
 * OpenSession stores a new conversation and answers its first session token, with what the widget may offer. A verified
 * customer may continue their latest conversation instead.
 */
export const openSession = unary('openSession', {
  scope: 'open',
  rules: (request, surface) => [
    ...explainedRequestViolations(request),
    ...mapViolations('variables', request.variables),
    ...engineFieldsViolations(request, surface),
  ],

  handle:
    (deps: Pick<Deps, keyof (OpenDeps & ContinueDeps) | 'views' | 'originReports' | 'tokens'>) =>
    async (request, call) => {
      const { views, originReports, tokens, now } = deps;
      if (request.customerVerified) requireScope(call.caller, 'vouch');
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
      const continued =
        request.continueLatest && customer.verified
          ? await continueLatest(deps, opened, request, call)
          : undefined;
      const { id, session } = continued ?? (await insertNew(deps, opened, call));
      const { tenantId, keyId, offer } = view;
      return {
        sessionToken: tokens.sign({ conversationId: id, tenantId, keyId, ...session }),
        conversationId: id,
        expiresAt: timestamp(session.exp * 1000),
        ...offer,
      };
    },
});

/** Stores a new conversation. @returns the stored one when this is a retry */
async function insertNew(
  { conversations, now }: Pick<Deps, 'conversations' | 'now'>,
  opened: Conversation,
  call: AuthenticatedCall,
): Promise<OpenedSession> {
  const stored = await conversations.insert(opened, call.signal);
  return stored ? requireRetry(stored, opened, now()) : opened;
}
