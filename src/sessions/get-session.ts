import type { ConversationStore } from '../conversations/conversation.js';
import { timestamp } from '../conversations/message.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type GetSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import {
  type AdmissionParts,
  admitToken,
  requireOngoing,
  requireOpen,
  requireOrigin,
  sessionTokenOf,
} from './admission.js';

/** What reading a session needs. */
export interface GetSessionParts extends AdmissionParts {
  readonly conversations: Pick<ConversationStore, 'find'>;
}

/** GetSession: what a session may do as of now. */
export function getSession(parts: GetSessionParts) {
  return defineRpc({
    method: ChatSessions.method.getSession,
    codec: ChatSessionsService.getSession,
    scope: 'open',
    rules: () => [],

    async handle(_request: object, call: AuthenticatedCall): Promise<GetSessionResponse> {
      const { claims, view } = await admitToken(parts, sessionTokenOf(call), call);
      requireOpen(view, parts.now());
      requireOrigin(view, call);
      const found = await parts.conversations.find(claims.conversationId);
      const { id, locale } = requireOngoing(found, claims);
      return {
        conversationId: id,
        expiresAt: timestamp(claims.exp * 1000),
        locale,
        catalogRevision: view.revision,
        ...view.offer,
      };
    },
  });
}
