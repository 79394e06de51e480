import type { Filter } from 'mongodb';
import type { ConversationQuery } from '../conversations/conversation.js';
import { uuidToBinary } from './binary-uuid.js';
import { FIRST_REVISION } from './conversation-document.js';
import type { StoredDocument } from './database.js';

/** Filters of the collection `conversations`. Each must begin with the leading members of an index. */

/** A filter of the collection `conversations`. */
export type ConversationFilter = Filter<StoredDocument>;

/** Documents of versions before revisions lack the member, and count as the first revision. */
export function atRevision(revision: number): ConversationFilter {
  if (revision !== FIRST_REVISION) return { revision };
  return { $or: [{ revision }, { revision: { $exists: false } }] };
}

/** The filter of a list. */
export function toFilter({
  tenantId,
  customerId,
  verifiedOnly,
  openedFrom,
  openedBefore,
  after,
}: ConversationQuery): ConversationFilter {
  const createdAt = {
    // A bound in any case: it leaves out tombstones, which have no createdAt, without reading them.
    $gte: new Date(openedFrom ?? 0),
    // After the first page, `after` replaces `openedBefore`: it is the stricter bound.
    ...(after
      ? { $lte: new Date(after.createdAt) }
      : openedBefore !== undefined && { $lt: new Date(openedBefore) }),
  };
  return {
    tenantId: uuidToBinary(tenantId),
    ...(customerId !== undefined && { customerId }),
    ...(verifiedOnly && { customerVerified: true }),
    createdAt,
    ...(after && keysetFilter('createdAt', after.createdAt, after.id, '$lt')),
  };
}

/**
 * The keyset pagination filter for an order by a time and then the id. The caller's filter must also bound the time, by
 * `$gte` or `$lte`.
 */
export function keysetFilter(
  field: 'createdAt' | 'updatedAt',
  time: number,
  id: string,
  operator: '$lt' | '$gt',
): ConversationFilter {
  return { $or: [{ [field]: { [operator]: new Date(time) } }, { _id: { [operator]: uuidToBinary(id) } }] };
}
