import {
  type ConversationEvent,
  Conversation as ConversationMessage,
} from '../gen/ts-proto/chatsessions/v1/conversation.js';
import type { Elapsed } from '../rpc/elapsed.js';
import type { Pause } from '../rpc/pause.js';
import type { Changed, Conversation, ConversationStore } from './conversation.js';
import { toEventMessage } from './conversation-events.js';
import type { Dates } from './dates.js';
import { toMessage } from './message.js';
import { createWatchWindow, OVERLAP_MS, type WatchPlace } from './watch-window.js';

/** What following a tenant's conversations needs. */
export interface TailParts {
  readonly conversations: Pick<ConversationStore, 'changedSince' | 'findAll'>;
  readonly dates: Dates;
  readonly elapsed: Elapsed;
  readonly pause: Pause;
}

/** Some events, and where to go on from after them. */
export interface TailBatch {
  readonly events: readonly ConversationEvent[];
  readonly place: WatchPlace;
}

/** How many changes are looked up at once; of each, the conversation only if it is news. */
const PAGE = 500;
/** How many conversations are loaded at once. */
const LOADED = 50;
/** The most events of one batch. */
const MAX_EVENTS = 50;
/** The most bytes of one batch, unless a single event has more. */
const MAX_BYTES = 256 * 1024;
/** What an event takes beside its conversation, in bytes, at most. */
const EVENT_BYTES = 40;
/** How long it waits after each pass, in ms. */
const POLL_MS = 500;
/** After how much silence it says that it is there, in ms: 15 s are promised, and a pause and a pass come on top. */
const QUIET_MS = 14_000;

/**
 * Follows a tenant's conversations from a place on, or from now on, until `signal` is aborted: batches of events, the
 * first and some others without any. It holds one batch, and an entry for each conversation of the overlap.
 *
 * @throws ServiceError of the store
 */
export async function* tailConversations(
  { conversations, dates, elapsed, pause }: TailParts,
  tenantId: string,
  place: WatchPlace | undefined,
  signal: AbortSignal,
): AsyncGenerator<TailBatch, void, void> {
  const start = Math.max(0, dates.earliest() - OVERLAP_MS);
  const window = createWatchWindow(place ?? { from: start, floor: start });
  let saidAt = 0;

  if (place === undefined) {
    // "From now on" must not depend on clocks: what is there is noted, and whatever comes to it is news.
    for await (const rows of pass()) for (const row of rows) window.sent(row);
  }
  yield say([]);
  while (!signal.aborted) {
    for await (const rows of pass()) {
      yield* newsOf(rows);
      if (signal.aborted) return;
      if (elapsed() >= saidAt + QUIET_MS) yield say([]);
    }
    await pause(POLL_MS, signal);
  }

  /** Reads what was changed, in the order of the changes: page by page, what was not sent yet. */
  async function* pass(): AsyncGenerator<readonly Changed[], void, void> {
    window.begin(dates.earliest(), dates.latest());
    const { from } = window.place();
    let last: Changed | undefined;
    do {
      const page = await conversations.changedSince(tenantId, from, last, PAGE);
      yield page.filter((row) => !window.isSent(row));
      last = page.length === PAGE ? page.at(-1) : undefined;
      // A pass has an end even where more is written than is read: what it remembers is bounded by that.
    } while (last && !window.isPast(last));
    window.end(last === undefined);
  }

  async function* newsOf(rows: readonly Changed[]): AsyncGenerator<TailBatch, void, void> {
    for (let i = 0; i < rows.length && !signal.aborted; i += LOADED) {
      const some = rows.slice(i, i + LOADED);
      const found = await conversations.findAll(some.map(({ id }) => id));
      yield* batchesOf(some, new Map(found.map((conversation) => [conversation.id, conversation])));
    }
  }

  function* batchesOf(rows: readonly Changed[], found: ReadonlyMap<string, Conversation>) {
    let events: ConversationEvent[] = [];
    let bytes = 0;
    for (const row of rows) {
      const conversation = found.get(row.id);
      // It was erased in between.
      if (conversation === undefined) continue;
      const message = toMessage(conversation);
      const size = ConversationMessage.encode(message).finish().length + EVENT_BYTES;
      for (const event of window.unsent(conversation)) {
        if (events.length === MAX_EVENTS || (events.length > 0 && bytes + size > MAX_BYTES)) {
          yield say(events);
          events = [];
          bytes = 0;
        }
        events.push(toEventMessage(event, message));
        bytes += size;
      }
      window.sent(row, conversation);
    }
    if (events.length > 0) yield say(events);
  }

  function say(events: readonly ConversationEvent[]): TailBatch {
    saidAt = elapsed();
    return { events, place: window.place() };
  }
}
