import { publicKeyViolations } from '../catalog/public-key.js';
import { timestamp } from '../conversations/message.js';
import { customerIdViolations, customerTokenViolations, localeViolations } from '../conversations/rules.js';
import { variablesViolations } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { requireTenant } from '../rpc/authorize.js';
import { unary } from '../rpc/define.js';
import { requireOrigin, requireUsable } from '../sessions/admission.js';
import { customerOf } from '../sessions/customer-token.js';
import { idempotencyKeyOf, requireReplay } from '../sessions/idempotency.js';
import { newConversation, type OpenDeps } from '../sessions/new-conversation.js';

/** OpenSession: one durable write and one signature. */
export const openSession = unary('openSession', {
  scope: 'open',
  rules: ({ publicKey, customerId, locale, variables, customerToken }) => [
    ...publicKeyViolations(publicKey),
    ...customerIdViolations(customerId),
    ...localeViolations(locale),
    ...(variables ? variablesViolations(variables) : []),
    ...customerTokenViolations(customerToken),
  ],

  handle:
    (deps: Pick<Deps, keyof OpenDeps | 'views' | 'conversations' | 'tokens'>) => async (request, call) => {
      const { views, conversations, tokens, now } = deps;
      const idempotencyKey = idempotencyKeyOf(call);
      const view = await views.get(request.publicKey);
      // Before anything else of the key: another tenant's is not even told whether it is good.
      if (view) requireTenant(call, view.tenantSlug);
      requireUsable(view, now());
      const origin = requireOrigin(view, call);
      const customer = await customerOf(request, { identity: view.identity, keyId: view.keyId, now: now() });

      const opened = newConversation(deps, { request, call, view, origin, customer, idempotencyKey });
      const stored = await conversations.insert(opened, call.signal);
      const { id, session } = stored ? requireReplay(stored, opened, now()) : opened;
      const { tenantId, keyId, offer } = view;
      return {
        sessionToken: tokens.sign({ conversationId: id, tenantId, keyId, ...session }),
        conversationId: id,
        expiresAt: timestamp(session.exp * 1000),
        ...offer,
      };
    },
});
