import { timestamp, toSurface, toUntrusted } from '../conversations/message.js';
import type { RecentConversations } from '../conversations/recent-conversations.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type VerifySessionRequest,
  type VerifySessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { defineRpc } from '../rpc/rpc.js';
import { type AdmissionParts, admitToken, requireOngoing, requireOpen } from './admission.js';

/** What verifying a session needs. */
export interface VerifySessionParts extends AdmissionParts {
  readonly conversations: Pick<RecentConversations, 'findRecent'>;
}

/** VerifySession: whose a session token is, for the services behind the widget. No write, and a read unless the last one is a moment ago. */
export function verifySession(parts: VerifySessionParts) {
  return defineRpc({
    method: ChatSessions.method.verifySession,
    codec: ChatSessionsService.verifySession,
    scope: 'verify',
    rules: () => [],

    async handle(request: VerifySessionRequest, call: AuthenticatedCall): Promise<VerifySessionResponse> {
      const { claims, view } = await admitToken(parts, request.token, call);
      requireOpen(view, parts.now());
      const found = await parts.conversations.findRecent(claims.conversationId, claims.jti);
      const conversation = requireOngoing(found, claims);
      return {
        tenant: view.tenantSlug,
        widgetKeyId: view.keyId,
        conversationId: conversation.id,
        customerId: conversation.customerId,
        customerVerified: conversation.customerVerified,
        untrusted: toUntrusted(conversation),
        origin: conversation.origin,
        surface: toSurface(conversation),
        expiresAt: timestamp(claims.exp * 1000),
        intentAllowed: request.intentName === '' ? undefined : view.allowsIntent(request.intentName),
      };
    },
  });
}
