import { timestamp, toSurface, toUntrusted } from '../conversations/message.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';
import { type AdmissionDeps, admitToken, requireOngoing, requireUsable } from '../sessions/admission.js';

/**
 * VerifySession tells the services behind the widget which customer and conversation a session token belongs to. It
 * writes nothing, and usually reads the conversation at most once per second (see recent-conversations.ts).
 */
export const verifySession = unary('verifySession', {
  scope: 'verify',
  handle:
    (deps: Pick<Deps, keyof AdmissionDeps | 'conversations'>) =>
    async ({ token, intentName }, call) => {
      const { claims, view } = await admitToken(deps, token, call);
      requireUsable(view, deps.now());
      const found = await deps.conversations.findRecent(claims.conversationId, claims.jti);
      const conversation = requireOngoing(found, claims);
      return {
        tenant: view.tenantSlug,
        widgetKeyId: view.keyId,
        conversationId: conversation.id,
        customerId: conversation.customerId,
        customerVerified: conversation.customerVerified,
        untrusted: toUntrusted(conversation),
        attributes: conversation.attributes,
        origin: conversation.origin,
        surface: toSurface(conversation),
        expiresAt: timestamp(claims.exp * 1000),
        intentAllowed: intentName === '' ? undefined : view.allowsIntent(intentName),
      };
    },
});
