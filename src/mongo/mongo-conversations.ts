import { type Document, MongoBulkWriteError } from 'mongodb';
import type {
  ChangedRow,
  Conversation,
  ConversationQuery,
  ConversationStore,
  ErasedConversation,
} from '../conversations/conversation.js';
import { isErased, reopened, toErased } from '../conversations/erased.js';
import { throwIfEnded } from '../rpc/call-signal.js';
import type { Elapsed } from '../time/elapsed.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import {
  FIRST_REVISION,
  fromDocument,
  fromStored,
  toDocument,
  toTombstone,
} from './conversation-document.js';
import { atRevision, type ConversationFilter, keysetFilter, toFilter } from './conversation-filters.js';
import { CHANGED, type ConversationDocument, type Database, type StoredDocument } from './database.js';
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
        for (;;) {
          const stored = await conversations.findOne<StoredDocument>({ _id: document._id });
          // The insert found the id taken: since then the TTL index removed the document, or no majority has it yet.
          if (!stored) throw unavailable('The conversation of this Idempotency-Key is not settled yet.');
          const row = fromStored(stored);
          if (!isErased(row)) return row;
          if (signal) throwIfEnded(signal);
          if (await replace(reopened(conversation, row), row.revision)) return undefined;
        }
      });
    },

    find: (id) => read(id),

    findAll: (ids) =>
      runOperation(async () => (await findByIds(ids)).flatMap((row) => (isErased(row) ? [] : [row]))),

    findChanged: (ids) => runOperation(() => findByIds(ids)),

    replace: (conversation, expectedRevision) => runOperation(() => replace(conversation, expectedRevision)),

    list: (query) =>
      runOperation(async () => {
        const documents = await findPage(query).toArray();
        return documents.map(fromDocument);
      }),

    listRows: (query) =>
      runOperation(async () => {
        const documents = await findPage(query, { keyId: 1, createdAt: 1, endedAt: 1 }).toArray();
        return documents.map(({ _id, keyId, createdAt, endedAt }) => ({
          id: binaryToUuid(_id),
          keyId: binaryToUuid(keyId),
          createdAt: createdAt.getTime(),
          endedAt: endedAt?.getTime(),
        }));
      }),

    erase: (tenantId, customerId, limit, at) =>
      runOperation(async () => {
        const rows = await conversations
          .find(
            { tenantId: uuidToBinary(tenantId), customerId },
            { projection: { revision: 1, updatedAt: 1 } },
          )
          .limit(limit)
          .toArray();
        if (rows.length === 0) return { erased: 0, complete: true };
        // The revision also tells that the conversation still is this customer's: a login in between raises it.
        const replacements = rows.map(toChanged).map((row) => {
          const { _id, ...replacement } = toTombstone(toErased({ ...row, tenantId }, at));
          return { replaceOne: { filter: { _id, ...atRevision(row.revision) }, replacement } };
        });
        try {
          const { matchedCount } = await conversations.bulkWrite(replacements, { ordered: false });
          return { erased: matchedCount, complete: matchedCount === rows.length && rows.length < limit };
        } catch (error) {
          throw causeOfBulkError(error);
        }
      }),

    deleteOfTenant: (tenantId, limit) =>
      runOperation(async () => {
        const rows = await conversations
          .find({ tenantId: uuidToBinary(tenantId) }, { projection: { _id: 1 } })
          .sort({ createdAt: -1, _id: -1 })
          .limit(limit)
          .toArray();
        if (rows.length === 0) return { deleted: 0, complete: true };
        // Ids alone are the fastest filter, and they suffice: a conversation never changes its tenant.
        const { deletedCount } = await conversations.deleteMany({ _id: { $in: rows.map(({ _id }) => _id) } });
        return { deleted: deletedCount, complete: rows.length < limit };
      }),

    changedSince: (tenantId, from, after, limit) =>
      runOperation(async () => {
        const findPage = async (
          time: 'createdAt' | 'updatedAt',
          condition: ConversationFilter,
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

  async function replace(conversation: Conversation, expectedRevision: number): Promise<boolean> {
    const { _id, ...fields } = toDocument(conversation);
    const { matchedCount } = await conversations.replaceOne({ _id, ...atRevision(expectedRevision) }, fields);
    return matchedCount === 1;
  }

  async function findByIds(ids: readonly string[]): Promise<(Conversation | ErasedConversation)[]> {
    const documents = await conversations
      .find<StoredDocument>({ _id: { $in: ids.map(uuidToBinary) } })
      .toArray();
    return documents.map(fromStored);
  }

  function findPage(query: ConversationQuery, projection?: Document) {
    return conversations
      .find<ConversationDocument>(toFilter(query), { ...(projection && { projection }) })
      .sort({ createdAt: -1, _id: -1 })
      .limit(query.limit);
  }

  function insertBatch(batch: readonly ConversationDocument[]): Promise<readonly ItemOutcome<undefined>[]> {
    return runOperation(async () => {
      try {
        await conversations.insertMany(batch, { ordered: false });
        return batch.map(() => WRITTEN);
      } catch (error) {
        const cause = causeOfBulkError(error);
        if (cause !== error || !(error instanceof MongoBulkWriteError)) throw cause;
        const failures = new Map([error.writeErrors].flat().map((failure) => [failure.index, failure]));
        if (failures.size === 0) throw error;
        return batch.map((_, index) => (failures.has(index) ? { error: failures.get(index) } : WRITTEN));
      }
    });
  }

  function findBatch(ids: readonly string[]): Promise<readonly ItemOutcome<Conversation | undefined>[]> {
    return runOperation(async () => {
      const rows = await findByIds([...new Set(ids)]);
      const found = new Map(rows.flatMap((row) => (isErased(row) ? [] : [[row.id, row]])));
      return ids.map((id) => ({ answer: found.get(id) }));
    });
  }
}

const WRITTEN: ItemOutcome<undefined> = { answer: undefined };

/**
 * The cause of a failed bulk write: the error itself when single documents failed and a majority has acknowledged the
 * others. The driver wraps every error of the batch, a lost connection included; then it is unknown what was written.
 */
function causeOfBulkError(error: unknown): unknown {
  if (!(error instanceof MongoBulkWriteError)) return error;
  if (error.errorResponse instanceof Error) return error.errorResponse;
  return error.result.getWriteConcernError() ? unavailable('The write is not acknowledged.', error) : error;
}

function toChanged({
  _id,
  revision = FIRST_REVISION,
  updatedAt,
}: Pick<ConversationDocument, '_id' | 'revision' | 'updatedAt'>): ChangedRow {
  return { id: binaryToUuid(_id), revision, updatedAt: updatedAt.getTime() };
}

function byTime(a: ChangedRow, b: ChangedRow): number {
  return a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1);
}
