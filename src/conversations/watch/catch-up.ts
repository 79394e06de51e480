import type { Pause } from '../../time/pause.js';
import type { ChangedRow, Conversation, ConversationStore, ErasedConversation } from '../conversation.js';
import { type ConversationEvent, eventsOf } from './events.js';
import { costMs, type Pace, paced } from './pace.js';
import { createBatches, type EncodedEvent, encodeEvents } from './response.js';
import type { WatchPlace } from './window.js';

/** The dependencies of {@link catchUp} and {@link sendRows}. */
export interface CatchUpDeps {
  readonly conversations: Pick<ConversationStore, 'changedSince' | 'findChanged'>;
  readonly pause: Pause;
  readonly pace: Pace;
}

/** A batch of events for one watcher, and the place to resume from after it. A batch without events is a heartbeat. */
export interface CatchUpBatch {
  readonly events: readonly EncodedEvent[];
  readonly place: WatchPlace;
}

/** Which revisions one watcher has been sent while it catches up, so that it is not sent their events again. */
export interface SentRevisions {
  /** Whether this revision of the conversation, or a later one, was sent. */
  readonly has: (row: ChangedRow) => boolean;
  /** The unsent events of a conversation. It marks them as sent. */
  readonly takeUnsent: (conversation: Conversation | ErasedConversation) => readonly ConversationEvent[];
}

/** How many changes one query lists. */
const PAGE_SIZE = 500;
/** How many conversations one query loads. */
const LOAD_SIZE = 50;
/** How long a watcher waits for events before it is sent a heartbeat, in ms. */
const HEARTBEAT_MS = 10_000;
/**
 * How many conversations are remembered. When more than these change during a catch-up, some of their events may be sent
 * twice, which "at least once" allows.
 */
const MAX_SENT = 10_000;

/** Creates an empty memory of the latest {@link MAX_SENT} conversations. @param floor earlier events are never sent */
export function createSentRevisions(floor: number): SentRevisions {
  const revisions = new Map<string, number>();
  return {
    has: ({ id, revision }) => (revisions.get(id) ?? 0) >= revision,

    takeUnsent(conversation) {
      const { id, revision } = conversation;
      const before = revisions.get(id) ?? 0;
      revisions.delete(id);
      revisions.set(id, Math.max(before, revision));
      const [oldest] = revisions.keys();
      if (revisions.size > MAX_SENT && oldest !== undefined) revisions.delete(oldest);
      return eventsOf(conversation).filter((event) => event.revision > before && event.at >= floor);
    },
  };
}

/**
 * Reads the changes from a place until `deliveredUntil` for one watcher, in order and once. No change before that time
 * can appear any more; the tail advances it while the watcher reads.
 *
 * @returns the time before which every change was sent; undefined when `signal` is aborted
 */
export async function* catchUp(
  deps: CatchUpDeps,
  tenantId: string,
  place: WatchPlace,
  deliveredUntil: () => number,
  sent: SentRevisions,
  signal: AbortSignal,
): AsyncGenerator<CatchUpBatch, number | undefined, void> {
  let last: ChangedRow | undefined;
  let { from } = place;
  for (;;) {
    const after = last;
    // Taken before the query: the tail may advance while it runs, over changes that were written too late for it.
    const until = deliveredUntil();
    const work = paced(
      deps.pace,
      signal,
      () => deps.conversations.changedSince(tenantId, place.from, after, PAGE_SIZE),
      ({ length }) => costMs({ listed: length }),
    );
    for await (const _ of heartbeats(deps, work)) yield { events: [], place: { from, floor: place.floor } };
    const page = await work;
    if (page === undefined) return undefined;
    const rows = page.filter(({ updatedAt }) => updatedAt < until);
    for await (const { list, last: through } of loadEvents(deps, rows, sent, signal)) {
      if (through) from = through.updatedAt;
      yield { events: list, place: { from, floor: place.floor } };
    }
    if (signal.aborted) return undefined;
    last = rows.at(-1) ?? last;
    if (rows.length < PAGE_SIZE) return Math.max(until, place.from);
  }
}

/**
 * Sends a watcher the unsent events of conversations that the tail has already sent, in the order of the rows.
 *
 * @param deliveredUntil the furthest that the resume place may move: a change before a later row may still appear
 */
export async function* sendRows(
  deps: CatchUpDeps,
  rows: readonly ChangedRow[],
  { from, floor }: WatchPlace,
  deliveredUntil: number,
  sent: SentRevisions,
  signal: AbortSignal,
): AsyncGenerator<CatchUpBatch, void, void> {
  const unsent = rows.filter((row) => !sent.has(row));
  let reached = from;
  for await (const { list, last } of loadEvents(deps, unsent, sent, signal)) {
    if (last) reached = Math.max(reached, Math.min(last.updatedAt, deliveredUntil));
    yield { events: list, place: { from: reached, floor } };
  }
}

interface LoadedEvents {
  readonly list: readonly EncodedEvent[];
  /** The last row whose events are all in this list or in earlier ones; undefined when there is none yet. */
  readonly last: ChangedRow | undefined;
}

/** Loads conversations, a few at a time, and yields their unsent events; an empty list is a heartbeat. */
async function* loadEvents(
  deps: CatchUpDeps,
  rows: readonly ChangedRow[],
  sent: SentRevisions,
  signal: AbortSignal,
): AsyncGenerator<LoadedEvents, void, void> {
  for (let i = 0; i < rows.length && !signal.aborted; i += LOAD_SIZE) {
    const chunk = rows.slice(i, i + LOAD_SIZE);
    const work = paced(
      deps.pace,
      signal,
      () => deps.conversations.findChanged(chunk.map(({ id }) => id)),
      ({ length }) => costMs({ loaded: length, sends: 1 }),
    );
    for await (const _ of heartbeats(deps, work)) yield { list: [], last: undefined };
    const found = await work;
    if (found === undefined) return;
    const byId = new Map(found.map((conversation) => [conversation.id, conversation]));
    const batches = createBatches();
    let last: ChangedRow | undefined;
    for (const row of chunk) {
      const conversation = byId.get(row.id);
      if (conversation !== undefined) {
        for (const event of encodeEvents(conversation, sent.takeUnsent(conversation))) {
          const list = batches.add(event);
          if (list) yield { list, last };
        }
      }
      last = row;
    }
    const list = batches.rest();
    if (list) yield { list, last };
  }
}

/** Yields every {@link HEARTBEAT_MS} until `work` is settled, so that the caller can send a heartbeat. */
export async function* heartbeats(
  { pause }: Pick<CatchUpDeps, 'pause'>,
  work: Promise<unknown>,
): AsyncGenerator<void, void, void> {
  const done = new AbortController();
  const end = () => done.abort();
  // The caller awaits `work` itself and gets its error there.
  work.then(end, end);
  for (;;) {
    await pause(HEARTBEAT_MS, done.signal);
    if (done.signal.aborted) return;
    yield;
  }
}
