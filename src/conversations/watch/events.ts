import {
  type ConversationEvent as ConversationEventMessage,
  ConversationEvent_Kind as Kind,
} from '../../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Change, Conversation, ErasedConversation } from '../conversation.js';
import { isErased } from '../erased.js';
import { timestamp, toErasedMessage, toMessage } from '../message.js';

/** An event of a conversation: it was opened, refreshed, updated, ended or erased. */
export interface ConversationEvent {
  readonly kind: Change['kind'] | 'opened' | 'ended' | 'erased';
  /** The conversation's revision after the event. */
  readonly revision: number;
  /** Ms since the epoch. */
  readonly at: number;
}

const KINDS = {
  opened: Kind.OPENED,
  refreshed: Kind.REFRESHED,
  updated: Kind.UPDATED,
  ended: Kind.ENDED,
  erased: Kind.ERASED,
} as const;

/**
 * The events that a stored conversation still knows, in order: its opening, its latest changes, its end. Of a tombstone it
 * is the erasure. A conversation that reuses an erased id begins with the erasure of its predecessor.
 */
export function eventsOf(row: Conversation | ErasedConversation): readonly ConversationEvent[] {
  if (isErased(row)) return [{ kind: 'erased', revision: row.revision, at: row.updatedAt }];
  const { createdAt, changes, endedAt, revision, predecessor } = row;
  const erased: ConversationEvent[] = predecessor
    ? [{ kind: 'erased', revision: predecessor.revision, at: predecessor.updatedAt }]
    : [];
  const opened: ConversationEvent = {
    kind: 'opened',
    revision: (predecessor?.revision ?? 0) + 1,
    at: createdAt,
  };
  if (endedAt === undefined) return [...erased, opened, ...changes];
  return [...erased, opened, ...changes, { kind: 'ended', revision, at: endedAt }];
}

/**
 * Converts events of a conversation to their protobuf messages. Each has the latest conversation, which may be later than
 * the event; that of an erasure has the id and the revision only.
 */
export function toEventMessages(
  row: Conversation | ErasedConversation,
  events: readonly ConversationEvent[],
): readonly ConversationEventMessage[] {
  const latest = isErased(row) ? undefined : toMessage(row);
  return events.map(({ kind, revision, at }) => ({
    kind: KINDS[kind],
    happenedAt: timestamp(at),
    revision,
    conversation: kind === 'erased' || latest === undefined ? toErasedMessage(row.id, revision) : latest,
  }));
}
