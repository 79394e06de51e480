import { timestamp } from '../conversations/message.js';
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

/** GetSession answers what a session may do now, by the current catalogue. */
export const getSession = unary('getSession', {
  scope: 'open',
  handle: (deps: Pick<Deps, keyof AdmissionDeps | 'conversations'>) => async (_request, call) => {
    const { claims, view } = await admitToken(deps, sessionTokenOf(call), call);
    requireUsable(view, deps.now());
    requireOrigin(view, call);
    const found = await deps.conversations.find(claims.conversationId);
    const { id, locale, customerId, customerVerified, variables } = requireOngoing(found, claims);
    return {
      conversationId: id,
      expiresAt: timestamp(claims.exp * 1000),
      locale,
      customerId,
      customerVerified,
      variables,
      catalogRevision: view.revision,
      ...view.offer,
    };
  },
});
