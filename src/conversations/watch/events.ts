import {
  type ConversationEvent as ConversationEventMessage,
  type Conversation as ConversationMessage,
  ConversationEvent_Kind as Kind,
} from '../../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Change, Conversation } from '../conversation.js';
import { timestamp } from '../message.js';

/** An event of a conversation: it was opened, refreshed, updated or ended. */
export interface ConversationEvent {
  readonly kind: Change['kind'] | 'opened' | 'ended';
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
} as const;

/** The events that a stored conversation still knows, in order: its opening, its latest changes, its end. */
export function eventsOf(conversation: Conversation): readonly ConversationEvent[] {
  const { createdAt, changes, endedAt, revision } = conversation;
  const opened: ConversationEvent = { kind: 'opened', revision: 1, at: createdAt };
  if (endedAt === undefined) return [opened, ...changes];
  return [opened, ...changes, { kind: 'ended', revision, at: endedAt }];
}

/** Converts an event to its protobuf message. `conversation` is the latest revision, which may be later than the event. */
export function toEventMessage(
  { kind, revision, at }: ConversationEvent,
  conversation: ConversationMessage,
): ConversationEventMessage {
  return { kind: KINDS[kind], happenedAt: timestamp(at), revision, conversation };
}
