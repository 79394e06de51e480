import { type ChangeDeps, endForGood } from '../conversations/change-conversation.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';
import {
  type AdmissionDeps,
  admitToken,
  requireConversationOf,
  requireOrigin,
  sessionTokenOf,
} from '../sessions/admission.js';

/** EndSession: ends the conversation for good. A visitor may do so even when the widget is disabled meanwhile. */
export const endSession = unary('endSession', {
  scope: 'open',
  handle: (deps: Pick<Deps, keyof (AdmissionDeps & ChangeDeps)>) => async (_request, call) => {
    const { claims, view } = await admitToken(deps, sessionTokenOf(call), call);
    requireOrigin(view, call);
    await endForGood(deps, claims.conversationId, call.signal, (found) =>
      requireConversationOf(found, claims),
    );
    return {};
  },
});
