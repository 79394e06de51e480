import type { Conversation } from '../conversations/conversation.js';
import { type ConversationDocument, fromStored, toStored } from './database.js';

/** The revision of a conversation that was never changed; rows from before there were revisions have none. */
export const FIRST_REVISION = 1;

/** A conversation as it is stored: members that say nothing are left out. */
export function toDocument(conversation: Conversation): ConversationDocument {
  const { id, tenantId, keyId, customerId, customerVerified, locale, variables, origin } = conversation;
  const { surface, session, idempotency, expiresAt, endedAt, createdAt, updatedAt } = conversation;
  const { purgeAt, revision, changes } = conversation;
  return {
    _id: toStored(id),
    tenantId: toStored(tenantId),
    keyId: toStored(keyId),
    ...(customerId !== undefined && { customerId }),
    ...(customerVerified && { customerVerified }),
    ...(locale !== undefined && { locale }),
    variables,
    ...(origin !== undefined && { origin }),
    surface,
    session: { jti: session.jti, iat: new Date(session.iat * 1000), exp: new Date(session.exp * 1000) },
    ...(idempotency && {
      idempotency: { requestHash: idempotency.requestHash, until: new Date(idempotency.until) },
    }),
    ...(expiresAt !== session.exp && { expiresAt: new Date(expiresAt * 1000) }),
    ...(endedAt !== undefined && { endedAt: new Date(endedAt) }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    purgeAt: new Date(purgeAt),
    revision,
    ...(changes.length > 0 && { changes: changes.map((change) => ({ ...change, at: new Date(change.at) })) }),
  };
}

/** A stored conversation. */
export function fromDocument(document: ConversationDocument): Conversation {
  const { customerId, customerVerified = false, locale, variables, origin, surface, session } = document;
  const { idempotency, expiresAt = session.exp, endedAt } = document;
  const { revision = FIRST_REVISION, changes = [] } = document;
  return {
    id: fromStored(document._id),
    tenantId: fromStored(document.tenantId),
    keyId: fromStored(document.keyId),
    customerId,
    customerVerified,
    locale,
    variables,
    origin,
    surface,
    session: { jti: session.jti, iat: session.iat.getTime() / 1000, exp: session.exp.getTime() / 1000 },
    idempotency: idempotency && { requestHash: idempotency.requestHash, until: idempotency.until.getTime() },
    expiresAt: expiresAt.getTime() / 1000,
    endedAt: endedAt?.getTime(),
    createdAt: document.createdAt.getTime(),
    updatedAt: document.updatedAt.getTime(),
    purgeAt: document.purgeAt.getTime(),
    revision,
    changes: changes.map((change) => ({ ...change, at: change.at.getTime() })),
  };
}
