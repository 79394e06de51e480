import { type Filter, MongoBulkWriteError } from 'mongodb';
import type {
  ChangedRow,
  Conversation,
  ConversationQuery,
  ConversationStore,
} from '../conversations/conversation.js';
import type { Elapsed } from '../time/elapsed.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import { FIRST_REVISION, fromDocument, toDocument } from './conversation-document.js';
import { CHANGED, type ConversationDocument, type Database } from './database.js';
import { fromDriver, isDuplicateKey, runOperation, unavailable } from './driver-errors.js';
import { createGroup, type ItemOutcome } from './group-commit.js';

/** The conversation store in MongoDB. Concurrent inserts share a batch, and so do concurrent look-ups. */
export function mongoConversations(
  { conversations }: Pick<Database, 'conversations'>,
  elapsed?: Elapsed,
): ConversationStore {
  const clock = elapsed && { elapsed };
  const write = createGroup({ run: insertBatch, ...clock });
  // One read in flight: the round trip dominates its cost, so look-ups that arrive meanwhile share the next one.
  const read = createGroup({ run: findBatch, ...clock, maxInFlight: 1 });

  return {
    async insert(conversation, signal) {
      const document = toDocument(conversation);
      try {
        return await write(document, signal);
      } catch (error) {
        if (!isDuplicateKey(error)) throw fromDriver(error);
      }
      return runOperation(async () => {
        const stored = await conversations.findOne({ _id: document._id });
        if (stored) return fromDocument(stored);
        // The insert found the id taken: since then the TTL index removed the document, or no majority has it yet.
        throw unavailable('The conversation of this Idempotency-Key is not settled yet.');
      });
    },

    find: (id) => read(id),

    findAll: (ids) =>
      runOperation(async () => {
        const documents = await conversations.find({ _id: { $in: ids.map(uuidToBinary) } }).toArray();
        return documents.map(fromDocument);
      }),

    replace: (conversation, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = toDocument(conversation);
        const { matchedCount } = await conversations.replaceOne(
          { _id, ...atRevision(expectedRevision) },
          fields,
        );
        return matchedCount === 1;
      }),

    list: (query) =>
      runOperation(async () => {
        const sort = { createdAt: -1, _id: -1 } as const;
        const documents = await conversations.find(toFilter(query)).sort(sort).limit(query.limit).toArray();
        return documents.map(fromDocument);
      }),

    erase: (tenantId, customerId, limit) =>
      runOperation(async () => {
        const customer = { tenantId: uuidToBinary(tenantId), customerId };
        const rows = await conversations
          .find(customer, { projection: { _id: 1 } })
          .limit(limit)
          .toArray();
        if (rows.length === 0) return { erased: 0, complete: true };
        const ids = rows.map((row) => row._id);
        // Ids alone are the fastest filter, and they suffice: a conversation never changes its customer.
        const { deletedCount } = await conversations.deleteMany({ _id: { $in: ids } });
        return { erased: deletedCount, complete: rows.length < limit };
      }),

    changedSince: (tenantId, from, after, limit) =>
      runOperation(async () => {
        const findPage = async (
          time: 'createdAt' | 'updatedAt',
          condition: Filter<ConversationDocument>,
          until?: number,
        ) => {
          const begin = new Date(after?.updatedAt ?? from);
          const filter = {
            tenantId: uuidToBinary(tenantId),
            ...condition,
            [time]: { $gte: begin, ...(until !== undefined && { $lte: new Date(until) }) },
            ...(after && keysetFilter(time, after.updatedAt, after.id, '$gt')),
          };
          const projection = { revision: 1, updatedAt: 1 };
          const rows = await conversations
            .find(filter, { projection })
            .sort({ [time]: 1, _id: 1 })
            .limit(limit)
            .toArray();
          return rows.map(toChanged);
        };
        // Changed and unchanged conversations are in different indexes, so each takes one query. After a full page of
        // changes, only openings up to the end of that page are queried. So all pages together scan the openings once,
        // even when most of the conversations have changed since.
        const changed = await findPage('updatedAt', CHANGED);
        const end = changed.length === limit ? changed.at(-1)?.updatedAt : undefined;
        const opened = await findPage('createdAt', { revision: { $not: CHANGED.revision } }, end);
        return [...opened, ...changed].sort(byTime).slice(0, limit);
      }),
  };

  function insertBatch(batch: readonly ConversationDocument[]): Promise<readonly ItemOutcome<undefined>[]> {
    return runOperation(async () => {
      try {
        await conversations.insertMany(batch, { ordered: false });
        return batch.map(() => WRITTEN);
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        // The driver wraps every error of the batch, a lost connection included. Then it is unknown what was written.
        if (error.errorResponse instanceof Error) throw error.errorResponse;
        // Single documents failed. The others are written, unless no majority acknowledged them.
        if (error.result.getWriteConcernError()) throw unavailable('The write is not acknowledged.', error);
        const failures = new Map([error.writeErrors].flat().map((failure) => [failure.index, failure]));
        if (failures.size === 0) throw error;
        return batch.map((_, index) => (failures.has(index) ? { error: failures.get(index) } : WRITTEN));
      }
    });
  }

  function findBatch(ids: readonly string[]): Promise<readonly ItemOutcome<Conversation | undefined>[]> {
    return runOperation(async () => {
      const documents = await conversations
        .find({ _id: { $in: [...new Set(ids)].map(uuidToBinary) } })
        .toArray();
      const found = new Map(
        documents.map(fromDocument).map((conversation) => [conversation.id, conversation]),
      );
      return ids.map((id) => ({ answer: found.get(id) }));
    });
  }
}

const WRITTEN: ItemOutcome<undefined> = { answer: undefined };

function toChanged({ _id, revision = FIRST_REVISION, updatedAt }: ConversationDocument): ChangedRow {
  return { id: binaryToUuid(_id), revision, updatedAt: updatedAt.getTime() };
}

function byTime(a: ChangedRow, b: ChangedRow): number {
  return a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1);
}

/** Documents of versions before revisions lack the member, and count as the first revision. */
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
    // After the first page, `after` replaces `openedBefore`: it is the stricter bound.
    ...(after
      ? { $lte: new Date(after.createdAt) }
      : openedBefore !== undefined && { $lt: new Date(openedBefore) }),
  };
  return {
    tenantId: uuidToBinary(tenantId),
    ...(customerId !== undefined && { customerId }),
    ...(verifiedOnly && { customerVerified: true }),
    ...(Object.keys(createdAt).length > 0 && { createdAt }),
    ...(after && keysetFilter('createdAt', after.createdAt, after.id, '$lt')),
  };
}

/**
 * The keyset pagination filter for an order by a time and then the id. The caller's filter must also bound the time, by
 * `$gte` or `$lte`.
 */
function keysetFilter(
  field: 'createdAt' | 'updatedAt',
  time: number,
  id: string,
  operator: '$lt' | '$gt',
): Filter<ConversationDocument> {
  return { $or: [{ [field]: { [operator]: new Date(time) } }, { _id: { [operator]: uuidToBinary(id) } }] };
}
