import { ServiceError } from '../rpc/errors.js';
import type { Conversation } from './conversation.js';

/**
 * A conversation that a tenant asks for. Another tenant's is not there.
 *
 * @throws ServiceError not_found
 */
export function requireOfTenant(conversation: Conversation | undefined, tenantId: string): Conversation {
  if (conversation?.tenantId === tenantId) return conversation;
  throw new ServiceError('not_found', 'This tenant has no such conversation.');
}

/** A conversation that can still be changed. @throws ServiceError conversation_ended */
export function requireNotEnded(conversation: Conversation): Conversation {
  if (conversation.endedAt === undefined) return conversation;
  throw new ServiceError('conversation_ended', 'This conversation has ended.');
}
