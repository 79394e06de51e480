import {
  ListConversationsRequest,
  OpenSessionRequest,
  RefreshSessionRequest,
  UpdateConversationRequest,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';

/**
 * Requests for generated clients: the given fields, and the default of every other field. A message without bytes is
 * one of defaults only.
 */
const NOTHING = new Uint8Array();

export function openRequest(fields: Partial<OpenSessionRequest>): OpenSessionRequest {
  return { ...OpenSessionRequest.decode(NOTHING), ...fields };
}

export function refreshRequest(fields: Partial<RefreshSessionRequest>): RefreshSessionRequest {
  return { ...RefreshSessionRequest.decode(NOTHING), ...fields };
}

export function updateRequest(fields: Partial<UpdateConversationRequest>): UpdateConversationRequest {
  return { ...UpdateConversationRequest.decode(NOTHING), ...fields };
}

export function listRequest(fields: Partial<ListConversationsRequest>): ListConversationsRequest {
  return { ...ListConversationsRequest.decode(NOTHING), ...fields };
}
