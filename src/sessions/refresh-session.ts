import { type ChangeParts, changeConversation } from '../conversations/change-conversation.js';
import { type Conversation, changed } from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { timestamp } from '../conversations/message.js';
import { localeViolations, variablesPatchViolations } from '../conversations/rules.js';
import { mergeVariables } from '../conversations/variables.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type RefreshSessionRequest,
  type RefreshSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';
import { defineRpc } from '../rpc/rpc.js';
import {
  type AdmissionParts,
  admitToken,
  requireOngoing,
  requireOpen,
  requireOrigin,
  sessionTokenOf,
} from './admission.js';
import { refreshedJti } from './jti.js';

/** What refreshing a session needs. Durations are in seconds. */
export interface RefreshSessionParts extends AdmissionParts, ChangeParts {
  /** A new token id: unguessable, 128 bits. */
  readonly newJti: () => string;
  /** How long a token lasts. */
  readonly sessionTtl: number;
  /** How long after its end a token can still be refreshed. */
  readonly resumeWindow: number;
  /** How long after the open the last token ends. */
  readonly sessionMaxAge: number;
}

/** RefreshSession: a new token for the same conversation, and perhaps other variables. */
export function refreshSession(parts: RefreshSessionParts) {
  const { tokens, now } = parts;

  return defineRpc({
    method: ChatSessions.method.refreshSession,
    codec: ChatSessionsService.refreshSession,
    scope: 'open',
    rules: (request) => [...localeViolations(request.locale), ...variablesPatchViolations(request)],

    async handle(request: RefreshSessionRequest, call: AuthenticatedCall): Promise<RefreshSessionResponse> {
      const { claims, view } = await admitToken(parts, sessionTokenOf(call), call, parts.resumeWindow);
      requireOpen(view, now());
      requireOrigin(view, call);

      let jti = '';
      let iat = 0;
      let exp = 0;
      await changeConversation(parts, claims.conversationId, call.deadline, (found) => {
        const current = requireOngoing(found, claims);
        jti = refreshedJti(current.session.jti, parts.newJti());
        // Never before the open, whose process may have a faster clock: earlier versions refuse such a token.
        iat = Math.max(Math.floor(now() / 1000), current.session.iat);
        exp = expiryOf(current, iat);
        return changed(current, 'refreshed', parts, {
          expiresAt: Math.max(current.expiresAt, exp),
          locale: canonicalLocale(request.locale) ?? current.locale,
          variables: mergeVariables(current.variables, request, call.surface),
        });
      });
      return {
        sessionToken: tokens.sign({ ...claims, jti, iat, exp }),
        conversationId: claims.conversationId,
        expiresAt: timestamp(exp * 1000),
        catalogRevision: view.revision,
      };
    },
  });

  /** When a token ends that is made now. A stolen one must not live for ever: there is a last one. */
  function expiryOf({ createdAt }: Conversation, iat: number): number {
    const last = Math.floor(createdAt / 1000) + parts.sessionMaxAge;
    if (iat < last) return Math.min(iat + parts.sessionTtl, last);
    throw new ServiceError(
      'invalid_session_token',
      'The session is too old to be refreshed; open a new one.',
      { cause: 'expired' },
    );
  }
}
