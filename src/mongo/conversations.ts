import { type Filter, MongoBulkWriteError } from 'mongodb';
import type {
  Changed,
  Conversation,
  ConversationQuery,
  ConversationStore,
} from '../conversations/conversation.js';
import type { Elapsed } from '../time/elapsed.js';
import { FIRST_REVISION, fromDocument, toDocument } from './conversation-document.js';
import { CHANGED, type ConversationDocument, type Database } from './database.js';
import { fromDriver, isDuplicateKey, operate, unavailable } from './errors.js';
import { createGroup, type Outcome } from './group-commit.js';
import { fromStored, toStored } from './stored-uuid.js';

/** Conversations in MongoDB: one document for an open, written in groups, and looked up in groups. */
export function mongoConversations(
  { conversations }: Pick<Database, 'conversations'>,
  elapsed?: Elapsed,
): ConversationStore {
  const clock = elapsed && { elapsed };
  const write = createGroup({ run: insertBatch, ...clock });
  // One at a time: what arrives meanwhile shares the next one, and a look-up is mostly the cost of asking.
  const read = createGroup({ run: findBatch, ...clock, maxInFlight: 1 });

  return {
    async insert(conversation, signal) {
      const document = toDocument(conversation);
      try {
        return await write(document, signal);
      } catch (error) {
        if (!isDuplicateKey(error)) throw fromDriver(error);
      }
      return operate(async () => {
        const stored = await conversations.findOne({ _id: document._id });
        if (stored) return fromDocument(stored);
        // It was there a moment ago: its time came in between, or no majority has it yet.
        throw unavailable('The conversation of this Idempotency-Key is not settled yet.');
      });
    },

    find: (id) => read(id),

    findAll: (ids) =>
      operate(async () => {
        const documents = await conversations.find({ _id: { $in: ids.map(toStored) } }).toArray();
        return documents.map(fromDocument);
      }),

    replace: (conversation, expectedRevision) =>
      operate(async () => {
        const { _id, ...fields } = toDocument(conversation);
        const { matchedCount } = await conversations.replaceOne(
          { _id, ...atRevision(expectedRevision) },
          fields,
        );
        return matchedCount === 1;
      }),

    list: (query) =>
      operate(async () => {
        const sort = { createdAt: -1, _id: -1 } as const;
        const documents = await conversations.find(toFilter(query)).sort(sort).limit(query.limit).toArray();
        return documents.map(fromDocument);
      }),

    erase: (tenantId, customerId, limit) =>
      operate(async () => {
        const customer = { tenantId: toStored(tenantId), customerId };
        const rows = await conversations
          .find(customer, { projection: { _id: 1 } })
          .limit(limit)
          .toArray();
        if (rows.length === 0) return { erased: 0, complete: true };
        const ids = rows.map((row) => row._id);
        // By their ids alone, which is what servers are quickest at: a conversation never becomes another customer's.
        const { deletedCount } = await conversations.deleteMany({ _id: { $in: ids } });
        return { erased: deletedCount, complete: rows.length < limit };
      }),

    changedSince: (tenantId, from, after, limit) =>
      operate(async () => {
        const look = async (
          time: 'createdAt' | 'updatedAt',
          which: Filter<ConversationDocument>,
          until?: number,
        ) => {
          const begin = new Date(after?.updatedAt ?? from);
          const filter = {
            tenantId: toStored(tenantId),
            ...which,
            [time]: { $gte: begin, ...(until !== undefined && { $lte: new Date(until) }) },
            ...(after && behind(time, after.updatedAt, after.id, '$gt')),
          };
          const projection = { revision: 1, updatedAt: 1 };
          const rows = await conversations
            .find(filter, { projection })
            .sort({ [time]: 1, _id: 1 })
            .limit(limit)
            .toArray();
          return rows.map(toChanged);
        };
        // Each by the index that has it. With a full page of changes only what was opened up to its end matters: so
        // that pages together walk the openings once, however many of them were changed since.
        const changed = await look('updatedAt', CHANGED);
        const end = changed.length === limit ? changed.at(-1)?.updatedAt : undefined;
        const opened = await look('createdAt', { revision: { $not: CHANGED.revision } }, end);
        return [...opened, ...changed].sort(byTime).slice(0, limit);
      }),
  };

  function insertBatch(batch: readonly ConversationDocument[]): Promise<readonly Outcome<undefined>[]> {
    return operate(async () => {
      try {
        await conversations.insertMany(batch, { ordered: false });
        return batch.map(() => WRITTEN);
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        // The driver wraps whatever went wrong, lost connections too: then nothing is known to be written.
        if (error.errorResponse instanceof Error) throw error.errorResponse;
        // Single documents failed: the others are written, unless the majority did not acknowledge them.
        if (error.result.getWriteConcernError()) throw unavailable('The write is not acknowledged.', error);
        const failures = new Map([error.writeErrors].flat().map((failure) => [failure.index, failure]));
        if (failures.size === 0) throw error;
        return batch.map((_, index) => (failures.has(index) ? { error: failures.get(index) } : WRITTEN));
      }
    });
  }

  function findBatch(ids: readonly string[]): Promise<readonly Outcome<Conversation | undefined>[]> {
    return operate(async () => {
      const documents = await conversations.find({ _id: { $in: [...new Set(ids)].map(toStored) } }).toArray();
      const found = new Map(
        documents.map(fromDocument).map((conversation) => [conversation.id, conversation]),
      );
      return ids.map((id) => ({ answer: found.get(id) }));
    });
  }
}

const WRITTEN: Outcome<undefined> = { answer: undefined };

function toChanged({ _id, revision = FIRST_REVISION, updatedAt }: ConversationDocument): Changed {
  return { id: fromStored(_id), revision, updatedAt: updatedAt.getTime() };
}

function byTime(a: Changed, b: Changed): number {
  return a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1);
}

/** Rows from before there were changes have no revision; what was never changed is at its first. */
function atRevision(revision: number): Filter<ConversationDocument> {
  if (revision !== FIRST_REVISION) return { revision };
  return { $or: [{ revision }, { revision: { $exists: false } }] };
}

function toFilter({
  tenantId,
  customerId,
  verifiedOnly,
  openedFrom,
  openedBefore,
  after,
}: ConversationQuery): Filter<ConversationDocument> {
  const createdAt = {
    ...(openedFrom !== undefined && { $gte: new Date(openedFrom) }),
    // A page begins where the one before it ended; what it has to begin before holds for that place already.
    ...(after
      ? { $lte: new Date(after.createdAt) }
      : openedBefore !== undefined && { $lt: new Date(openedBefore) }),
  };
  return {
    tenantId: toStored(tenantId),
    ...(customerId !== undefined && { customerId }),
    ...(verifiedOnly && { customerVerified: true }),
    ...(Object.keys(createdAt).length > 0 && { createdAt }),
    ...(after && behind('createdAt', after.createdAt, after.id, '$lt')),
  };
}

/** Behind a place in the order of a time and, where that is the same, the id. */
function behind(
  field: 'createdAt' | 'updatedAt',
  time: number,
  id: string,
  operator: '$lt' | '$gt',
): Filter<ConversationDocument> {
  return { $or: [{ [field]: { [operator]: new Date(time) } }, { _id: { [operator]: toStored(id) } }] };
}
