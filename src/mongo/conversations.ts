import { MongoBulkWriteError } from 'mongodb';
import type { Conversation, ConversationStore } from '../sessions/conversation.js';
import { type ConversationDocument, type Database, fromStored, toStored } from './database.js';
import { isDuplicateKey, OPERATION_MS, operate, unavailable } from './errors.js';
import { createGroupCommit } from './group-commit.js';

/** Conversations in MongoDB: one document for an open, written in groups. */
export function mongoConversations(
  { conversations }: Pick<Database, 'conversations'>,
  now: () => number,
): ConversationStore {
  const write = createGroupCommit<ConversationDocument>({ write: insertBatch, now });

  return {
    async insert(conversation, deadline) {
      const document = toDocument(conversation);
      try {
        // Bounded for each open, not only for each batch: one that waits behind a batch that gets no answer is
        // told in time too, and is not sent any more then.
        await operate(() => write(document, Math.min(deadline, now() + OPERATION_MS)));
        return undefined;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      return operate(async () => {
        const stored = await conversations.findOne({ _id: document._id });
        if (stored) return fromDocument(stored);
        // It was there a moment ago: its time came in between, or no majority has it yet.
        throw unavailable('The conversation of this Idempotency-Key is not settled yet.');
      });
    },
  };

  function insertBatch(batch: readonly ConversationDocument[]): Promise<ReadonlyMap<number, unknown>> {
    return operate(async () => {
      try {
        await conversations.insertMany(batch, { ordered: false });
        return new Map<number, unknown>();
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        // The driver wraps whatever went wrong, lost connections too: then nothing is known to be written.
        if (error.errorResponse instanceof Error) throw error.errorResponse;
        // Single documents failed: the others are written, unless the majority did not acknowledge them.
        if (error.result.getWriteConcernError()) throw unavailable('The write is not acknowledged.', error);
        const failures = [error.writeErrors].flat();
        if (failures.length === 0) throw error;
        return new Map(failures.map((failure) => [failure.index, failure]));
      }
    });
  }
}

function toDocument(conversation: Conversation): ConversationDocument {
  const { id, tenantId, keyId, customerId, locale, variables, origin, surface, session } = conversation;
  const { idempotency, endedAt, createdAt, updatedAt, purgeAt } = conversation;
  return {
    _id: toStored(id),
    tenantId: toStored(tenantId),
    keyId: toStored(keyId),
    ...(customerId !== undefined && { customerId }),
    ...(locale !== undefined && { locale }),
    variables,
    ...(origin !== undefined && { origin }),
    surface,
    session: { jti: session.jti, iat: new Date(session.iat * 1000), exp: new Date(session.exp * 1000) },
    ...(idempotency && {
      idempotency: { requestHash: idempotency.requestHash, until: new Date(idempotency.until) },
    }),
    ...(endedAt !== undefined && { endedAt: new Date(endedAt) }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    purgeAt: new Date(purgeAt),
  };
}

function fromDocument(document: ConversationDocument): Conversation {
  const { customerId, locale, variables, origin, surface, session, idempotency, endedAt } = document;
  return {
    id: fromStored(document._id),
    tenantId: fromStored(document.tenantId),
    keyId: fromStored(document.keyId),
    customerId,
    locale,
    variables,
    origin,
    surface,
    session: { jti: session.jti, iat: session.iat.getTime() / 1000, exp: session.exp.getTime() / 1000 },
    idempotency: idempotency && { requestHash: idempotency.requestHash, until: idempotency.until.getTime() },
    endedAt: endedAt?.getTime(),
    createdAt: document.createdAt.getTime(),
    updatedAt: document.updatedAt.getTime(),
    purgeAt: document.purgeAt.getTime(),
  };
}
