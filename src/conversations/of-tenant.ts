import { ServiceError } from '../rpc/errors.js';
import type { Conversation } from './conversation.js';

/**
 * Requires that a conversation exists and belongs to the tenant. Both failures give the same answer, so that a tenant
 * cannot find out which ids other tenants have.
 *
 * @throws ServiceError not_found
 */
export function requireOfTenant(conversation: Conversation | undefined, tenantId: string): Conversation {
  if (conversation?.tenantId === tenantId) return conversation;
  throw new ServiceError('not_found', 'This tenant has no such conversation.');
}

/**
 * Requires that a conversation has the revision that the caller expects, if any.
 *
 * @throws ServiceError revision_mismatch
 */
export function requireRevision(conversation: Conversation, expected: number | undefined): Conversation {
  if (expected === undefined || conversation.revision === expected) return conversation;
  throw new ServiceError('revision_mismatch', 'This conversation does not have the expected revision.');
}

/** Requires that a conversation has not ended. @throws ServiceError conversation_ended */
export function requireNotEnded(conversation: Conversation): Conversation {
  if (conversation.endedAt === undefined) return conversation;
  throw new ServiceError('conversation_ended', 'This conversation has ended.');
}
