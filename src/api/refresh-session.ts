import { type ChangeDeps, changeConversation } from '../conversations/change-conversation.js';
import { changeFields } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { timestamp } from '../conversations/message.js';
import { customerTokenViolations, localeViolations, mapsPatchViolations } from '../conversations/rules.js';
import { mergeMaps } from '../conversations/variables.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';
import {
  type AdmissionDeps,
  admitToken,
  requireOngoing,
  requireOrigin,
  requireUsable,
  sessionTokenOf,
} from '../sessions/admission.js';
import { loggedInCustomer, requireSameCustomer } from '../sessions/customer-token.js';
import { refreshedJti } from '../sessions/jti.js';
import { type RefreshDeps, refreshedTimes } from '../sessions/refreshed-times.js';

/**
 * RefreshSession answers a new token for the same conversation, and changes its locale, variables and customer when asked
 * to: a visitor may log in during the chat.
 */
export const refreshSession = unary('refreshSession', {
  scope: 'open',
  rules: (request) => [
    ...localeViolations(request.locale),
    ...mapsPatchViolations(request),
    ...customerTokenViolations(request.customerToken),
  ],

  handle:
    (deps: Pick<Deps, keyof (AdmissionDeps & ChangeDeps & RefreshDeps) | 'newJti'>) =>
    async (request, call) => {
      const { claims, view } = await admitToken(deps, sessionTokenOf(call), call, deps.resumeWindowSeconds);
      requireUsable(view, deps.now());
      requireOrigin(view, call);
      const { identity, keyId, tenantSlug } = view;
      const check = { identity, keyId, tenantSlug, now: deps.now() };
      const customer = await loggedInCustomer(request.customerToken, check);

      let session = { jti: '', iat: 0, exp: 0 };
      await changeConversation(deps, claims.conversationId, call.signal, (found) => {
        const current = requireSameCustomer(requireOngoing(found, claims), customer, check);
        session = { jti: refreshedJti(current.session.jti, deps.newJti()), ...refreshedTimes(deps, current) };
        return changeFields(current, 'refreshed', deps, {
          expiresAt: Math.max(current.expiresAt, session.exp),
          locale: canonicalLocale(request.locale) ?? current.locale,
          ...mergeMaps(current, request),
          ...(customer && { customerId: customer.id, customerVerified: true }),
        });
      });
      return {
        sessionToken: deps.tokens.sign({ ...claims, ...session }),
        conversationId: claims.conversationId,
        expiresAt: timestamp(session.exp * 1000),
        catalogRevision: view.revision,
      };
    },
});
