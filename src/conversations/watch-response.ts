import { WatchConversationsResponse } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { ConversationEvent as EventMessage } from '../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Conversation } from './conversation.js';
import { type ConversationEvent, toEventMessage } from './conversation-events.js';
import { toMessage } from './message.js';

/** An event with its encoding: as the only one of a response without a resume token. */
export interface EncodedEvent {
  readonly event: EventMessage;
  /** The conversation that it has. */
  readonly conversation: Conversation;
  readonly bytes: Uint8Array;
}

/** The most events of one response. */
export const MAX_EVENTS = 50;
/** The most bytes of the events of one response, unless a single event has more. */
const MAX_BYTES = 256 * 1024;

const encodings = new WeakMap<WatchConversationsResponse, Buffer>();

/**
 * A response, encoded once for all watchers that it is sent to. Encodings of the same message, one behind the other, are
 * the encoding of them merged: lists are joined
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
export function toResponse(events: readonly EncodedEvent[], resumeToken: string): WatchConversationsResponse {
  const response = { events: events.map(({ event }) => event), resumeToken };
  const rest = WatchConversationsResponse.encode({ events: [], resumeToken }).finish();
  encodings.set(response, Buffer.concat([...events.map(({ bytes }) => bytes), rest]));
  return response;
}

/** The wire bytes of a response: those of {@link toResponse}, where it has made it. */
export function encodeResponse(response: WatchConversationsResponse): Buffer {
  return encodings.get(response) ?? Buffer.from(WatchConversationsResponse.encode(response).finish());
}

/** Events of one conversation, encoded with the conversation as it is by now. */
export function encodeEvents(
  conversation: Conversation,
  events: readonly ConversationEvent[],
): readonly EncodedEvent[] {
  if (events.length === 0) return [];
  const message = toMessage(conversation);
  return events.map((one) => {
    const event = toEventMessage(one, message);
    const bytes = WatchConversationsResponse.encode({ events: [event], resumeToken: '' }).finish();
    return { event, conversation, bytes };
  });
}

/** Gathers events into lists that fit one response each. */
export interface Batches {
  /** Adds an event. @returns the list before it, when it has no room for it */
  readonly add: (event: EncodedEvent) => readonly EncodedEvent[] | undefined;
  /** The last list; undefined when it is empty. */
  readonly rest: () => readonly EncodedEvent[] | undefined;
}

/** Lists without events at first. */
export function createBatches(): Batches {
  let list: EncodedEvent[] = [];
  let bytes = 0;
  const take = () => {
    const full = list;
    list = [];
    bytes = 0;
    return full.length > 0 ? full : undefined;
  };
  return {
    add(event) {
      const size = event.bytes.length;
      const full = list.length === MAX_EVENTS || bytes + size > MAX_BYTES ? take() : undefined;
      list.push(event);
      bytes += size;
      return full;
    },
    rest: take,
  };
}
