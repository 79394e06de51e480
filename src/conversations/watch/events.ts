import {
  type ConversationEvent as ConversationEventMessage,
  type Conversation as ConversationMessage,
  ConversationEvent_Kind as Kind,
} from '../../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Change, Conversation } from '../conversation.js';
import { timestamp } from '../message.js';

/** One thing that happened to a conversation. */
export interface ConversationEvent {
  readonly kind: Change['kind'] | 'opened' | 'ended';
  /** The revision that came of it. */
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

/** All that is known to have happened to a conversation, in order: its opening, its latest changes, its end. */
export function eventsOf(conversation: Conversation): readonly ConversationEvent[] {
  const { createdAt, changes, endedAt, revision } = conversation;
  const opened: ConversationEvent = { kind: 'opened', revision: 1, at: createdAt };
  if (endedAt === undefined) return [opened, ...changes];
  return [opened, ...changes, { kind: 'ended', revision, at: endedAt }];
}

/** An event as watchers see it, with its conversation as it is by now. */
export function toEventMessage(
  { kind, revision, at }: ConversationEvent,
  conversation: ConversationMessage,
): ConversationEventMessage {
  return { kind: KINDS[kind], happenedAt: timestamp(at), revision, conversation };
}
