import { type ChangeParts, endForGood } from '../conversations/change-conversation.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type EndSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import {
  type AdmissionParts,
  admitToken,
  requireOrigin,
  requireTheirs,
  sessionTokenOf,
} from './admission.js';

/** What ending a session needs. */
export type EndSessionParts = AdmissionParts & ChangeParts;

/** EndSession: ends the conversation for good. A visitor may do so even when the widget is disabled meanwhile. */
export function endSession(parts: EndSessionParts) {
  return defineRpc({
    method: ChatSessions.method.endSession,
    codec: ChatSessionsService.endSession,
    scope: 'open',
    rules: () => [],

    async handle(_request: object, call: AuthenticatedCall): Promise<EndSessionResponse> {
      const { claims, view } = await admitToken(parts, sessionTokenOf(call), call);
      requireOrigin(view, call);
      await endForGood(parts, claims.conversationId, call.deadline, (found) => requireTheirs(found, claims));
      return {};
    },
  });
}
