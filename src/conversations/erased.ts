import type { Conversation, ErasedConversation } from './conversation.js';

/** How long the tombstone of an erased conversation is kept, in ms: watchers that resume within it learn of the erasure. */
export const TOMBSTONE_MS = 7 * 24 * 60 * 60 * 1000;

/** Tells a tombstone from a conversation. */
export function isErased(row: Conversation | ErasedConversation): row is ErasedConversation {
  return 'erased' in row;
}

/** Makes the tombstone of a conversation. @param at the time of the erasure by the writer's clock, in ms */
export function toErased(
  { id, tenantId, revision, updatedAt }: Pick<Conversation, 'id' | 'tenantId' | 'revision' | 'updatedAt'>,
  at: number,
): ErasedConversation {
  return { erased: true, id, tenantId, revision: revision + 1, updatedAt: Math.max(at, updatedAt) };
}

/**
 * Makes the conversation that takes the place of a tombstone, because it reuses the idempotency key of the erased one. It
 * counts the tombstone's revision on and remembers it, so that watchers still learn of the erasure.
 */
export function reopened(opened: Conversation, { revision, updatedAt }: ErasedConversation): Conversation {
  const at = Math.max(opened.createdAt, updatedAt);
  return {
    ...opened,
    revision: revision + 1,
    createdAt: at,
    updatedAt: at,
    predecessor: { revision, updatedAt },
  };
}
