import {
  type Conversation as ConversationMessage,
  Surface,
  type Untrusted,
} from '../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Timestamp } from '../gen/ts-proto/google/protobuf/timestamp.js';
import type { Conversation } from './conversation.js';

const SURFACES = { chat: Surface.CHAT, engine: Surface.ENGINE } as const;

/** A conversation as internal services see it. */
export function toMessage(conversation: Conversation): ConversationMessage {
  return {
    conversationId: conversation.id,
    widgetKeyId: conversation.keyId,
    customerId: conversation.customerId,
    customerVerified: conversation.customerVerified,
    untrusted: toUntrusted(conversation),
    origin: conversation.origin,
    surface: toSurface(conversation),
    openedAt: timestamp(conversation.createdAt),
    updatedAt: timestamp(conversation.updatedAt),
    expiresAt: timestamp(conversation.expiresAt * 1000),
    endedAt: conversation.endedAt === undefined ? undefined : timestamp(conversation.endedAt),
    revision: conversation.revision,
  };
}

/** What the visitor's browser said. */
export function toUntrusted({ locale, variables }: Conversation): Untrusted {
  return { locale, variables };
}

/** The surface that it was opened on. */
export function toSurface({ surface }: Conversation): Surface {
  return SURFACES[surface];
}

/** A protobuf timestamp in ms since the epoch, rounded up: stored times have whole milliseconds. */
export function ceilMs(time: Timestamp | undefined): number | undefined {
  return time && time.seconds * 1000 + Math.ceil(time.nanos / 1_000_000);
}

/** Milliseconds since the epoch as a protobuf timestamp. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}
