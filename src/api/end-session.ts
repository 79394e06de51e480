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

/** EndSession ends the conversation of a session token for good, even when its widget key is disabled by now. */
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
