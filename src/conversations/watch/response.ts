import { WatchConversationsResponse } from '../../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { ConversationEvent as EventMessage } from '../../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Conversation, ErasedConversation } from '../conversation.js';
import { type ConversationEvent, toEventMessages } from './events.js';

/** An event with its wire bytes: those of a response that has only this event and no resume token. */
export interface EncodedEvent {
  readonly event: EventMessage;
  /** The stored conversation, or its tombstone, that the event's message was made from. */
  readonly conversation: Conversation | ErasedConversation;
  readonly bytes: Uint8Array;
}

/** The most events of one response. */
export const MAX_EVENTS = 50;
/** The most bytes of the events of one response, unless a single event has more. */
const MAX_BYTES = 256 * 1024;

const encodings = new WeakMap<WatchConversationsResponse, Buffer>();

/**
 * Makes a response and encodes it once for all watchers that it is sent to. Its bytes are those of its events joined:
 * concatenated encodings of one protobuf message decode as their merge, and a merge concatenates repeated fields
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
export function toResponse(events: readonly EncodedEvent[], resumeToken: string): WatchConversationsResponse {
  const response = { events: events.map(({ event }) => event), resumeToken };
  const token = WatchConversationsResponse.encode({ events: [], resumeToken }).finish();
  encodings.set(response, Buffer.concat([...events.map(({ bytes }) => bytes), token]));
  return response;
}

/** The wire bytes of a response; {@link toResponse} has already encoded those that it made. */
export function encodeResponse(response: WatchConversationsResponse): Buffer {
  return encodings.get(response) ?? Buffer.from(WatchConversationsResponse.encode(response).finish());
}

/** Encodes events of one conversation, each with the conversation's latest revision. */
export function encodeEvents(
  conversation: Conversation | ErasedConversation,
  events: readonly ConversationEvent[],
): readonly EncodedEvent[] {
  if (events.length === 0) return [];
  return toEventMessages(conversation, events).map((event) => {
    const bytes = WatchConversationsResponse.encode({ events: [event], resumeToken: '' }).finish();
    return { event, conversation, bytes };
  });
}

/** Groups events into lists that each fit one response. */
export interface Batches {
  /** Adds an event. @returns the list so far, when the event does not fit into it and begins a new one */
  readonly add: (event: EncodedEvent) => readonly EncodedEvent[] | undefined;
  /** Takes the last list; undefined when it is empty. */
  readonly rest: () => readonly EncodedEvent[] | undefined;
}

/** Creates {@link Batches} without events. */
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
