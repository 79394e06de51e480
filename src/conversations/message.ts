import {
  type Conversation as ConversationMessage,
  Surface,
  type Untrusted,
} from '../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Timestamp } from '../gen/ts-proto/google/protobuf/timestamp.js';
import type { Conversation } from './conversation.js';

const SURFACES = { chat: Surface.CHAT, engine: Surface.ENGINE } as const;

/** Converts a conversation to its protobuf message, which only internal services get. */
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
    attributes: conversation.attributes,
  };
}

/** The protobuf message of an erased conversation: its id and its revision, and nothing else. */
export function toErasedMessage(id: string, revision: number): ConversationMessage {
  return {
    conversationId: id,
    revision,
    widgetKeyId: '',
    customerId: undefined,
    customerVerified: false,
    untrusted: undefined,
    origin: undefined,
    surface: Surface.UNSPECIFIED,
    openedAt: undefined,
    updatedAt: undefined,
    expiresAt: undefined,
    endedAt: undefined,
    attributes: undefined,
  };
}

/** The members of a conversation that the visitor's browser sent and nobody has checked. */
export function toUntrusted({ locale, variables }: Conversation): Untrusted {
  return { locale, variables };
}

/** The surface that a conversation was opened on, as its protobuf enum. */
export function toSurface({ surface }: Conversation): Surface {
  return SURFACES[surface];
}

/** Converts a protobuf timestamp to ms since the epoch. It rounds up, since stored times are whole milliseconds. */
export function ceilMs(time: Timestamp | undefined): number | undefined {
  return time && time.seconds * 1000 + Math.ceil(time.nanos / 1_000_000);
}

/** Converts milliseconds since the epoch to a protobuf timestamp. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}
