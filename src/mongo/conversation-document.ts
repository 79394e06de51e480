import type { Conversation, ErasedConversation } from '../conversations/conversation.js';
import { TOMBSTONE_MS } from '../conversations/erased.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import type { ConversationDocument, StoredDocument, TombstoneDocument } from './database.js';

/** The revision of a conversation that was never changed. Documents of versions before revisions lack the member. */
export const FIRST_REVISION = 1;

/** Converts a conversation to its document. The driver leaves out undefined members (`ignoreUndefined`). */
export function toDocument(conversation: Conversation): ConversationDocument {
  const { session, idempotency, continuations, expiresAt, endedAt, changes, predecessor } = conversation;
  return {
    _id: uuidToBinary(conversation.id),
    tenantId: uuidToBinary(conversation.tenantId),
    keyId: uuidToBinary(conversation.keyId),
    customerId: conversation.customerId,
    customerVerified: conversation.customerVerified || undefined,
    locale: conversation.locale,
    variables: conversation.variables,
    attributes: Object.keys(conversation.attributes).length === 0 ? undefined : conversation.attributes,
    origin: conversation.origin,
    surface: conversation.surface,
    session: toSessionDocument(session),
    idempotency: idempotency && { requestHash: idempotency.requestHash, until: new Date(idempotency.until) },
    ttlSeconds: conversation.ttlSeconds,
    continuations: continuations?.map((one) => ({
      id: uuidToBinary(one.id),
      requestHash: one.requestHash,
      until: new Date(one.until),
      session: toSessionDocument(one.session),
    })),
    expiresAt: expiresAt === session.exp ? undefined : new Date(expiresAt * 1000),
    endedAt: endedAt === undefined ? undefined : new Date(endedAt),
    createdAt: new Date(conversation.createdAt),
    updatedAt: new Date(conversation.updatedAt),
    purgeAt: new Date(conversation.purgeAt),
    revision: conversation.revision,
    changes:
      changes.length === 0 ? undefined : changes.map((change) => ({ ...change, at: new Date(change.at) })),
    predecessor: predecessor && { ...predecessor, updatedAt: new Date(predecessor.updatedAt) },
  };
}

/** Converts a document of `conversations`, whichever it is. */
export function fromStored(document: StoredDocument): Conversation | ErasedConversation {
  return 'erased' in document ? fromTombstone(document) : fromDocument(document);
}

/** Converts a document to its conversation. */
export function fromDocument(document: ConversationDocument): Conversation {
  const { customerId, customerVerified = false, locale, variables, attributes = {}, origin } = document;
  const { surface, session } = document;
  const { idempotency, ttlSeconds, continuations, expiresAt = session.exp, endedAt } = document;
  const { revision = FIRST_REVISION, changes = [], predecessor } = document;
  return {
    id: binaryToUuid(document._id),
    tenantId: binaryToUuid(document.tenantId),
    keyId: binaryToUuid(document.keyId),
    customerId,
    customerVerified,
    locale,
    variables,
    attributes,
    origin,
    surface,
    session: fromSessionDocument(session),
    idempotency: idempotency && { requestHash: idempotency.requestHash, until: idempotency.until.getTime() },
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(continuations && {
      continuations: continuations.map((one) => ({
        id: binaryToUuid(one.id),
        requestHash: one.requestHash,
        until: one.until.getTime(),
        session: fromSessionDocument(one.session),
      })),
    }),
    expiresAt: expiresAt.getTime() / 1000,
    endedAt: endedAt?.getTime(),
    createdAt: document.createdAt.getTime(),
    updatedAt: document.updatedAt.getTime(),
    purgeAt: document.purgeAt.getTime(),
    revision,
    changes: changes.map((change) => ({ ...change, at: change.at.getTime() })),
    ...(predecessor && {
      predecessor: { revision: predecessor.revision, updatedAt: predecessor.updatedAt.getTime() },
    }),
  };
}

/** Converts a tombstone to its document. */
export function toTombstone({ id, tenantId, revision, updatedAt }: ErasedConversation): TombstoneDocument {
  return {
    _id: uuidToBinary(id),
    erased: true,
    tenantId: uuidToBinary(tenantId),
    updatedAt: new Date(updatedAt),
    purgeAt: new Date(updatedAt + TOMBSTONE_MS),
    revision,
  };
}

function fromTombstone({ _id, tenantId, revision, updatedAt }: TombstoneDocument): ErasedConversation {
  return {
    erased: true,
    id: binaryToUuid(_id),
    tenantId: binaryToUuid(tenantId),
    revision,
    updatedAt: updatedAt.getTime(),
  };
}

function toSessionDocument({ jti, iat, exp }: Conversation['session']): ConversationDocument['session'] {
  return { jti, iat: new Date(iat * 1000), exp: new Date(exp * 1000) };
}

function fromSessionDocument({ jti, iat, exp }: ConversationDocument['session']): Conversation['session'] {
  return { jti, iat: iat.getTime() / 1000, exp: exp.getTime() / 1000 };
}
