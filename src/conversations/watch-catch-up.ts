import type { Pause } from '../time/pause.js';
import type { Changed, Conversation, ConversationStore } from './conversation.js';
import { type ConversationEvent, eventsOf } from './conversation-events.js';
import { costMs, type Pace, paced } from './watch-pace.js';
import { createBatches, type EncodedEvent, encodeEvents } from './watch-response.js';
import type { WatchPlace } from './watch-window.js';

/** What catching up needs. */
export interface CatchUpDeps {
  readonly conversations: Pick<ConversationStore, 'changedSince' | 'findAll'>;
  readonly pause: Pause;
  readonly pace: Pace;
}

/** Some events, and where to go on from after them. */
export interface CatchUpBatch {
  readonly events: readonly EncodedEvent[];
  readonly place: WatchPlace;
}

/** What one watcher was sent that came back with a place. */
export interface Sent {
  /** Whether a row was sent, as it is or later. */
  readonly has: (row: Changed) => boolean;
  /** The events of a conversation that are to be sent: they count as sent from now on. */
  readonly take: (conversation: Conversation) => readonly ConversationEvent[];
}

/** How many changes are looked up at once. */
const PAGE = 500;
/** How many conversations are loaded at once. */
const LOADED = 50;
/** After how much silence it says that it is there, in ms. */
const QUIET_MS = 10_000;
/** How many conversations are remembered: of those that move while more are read, events may be sent twice. */
const MAX_SENT = 10_000;

/** Remembers the latest {@link MAX_SENT}. @param floor what happened before is not sent */
export function createSent(floor: number): Sent {
  const revisions = new Map<string, number>();
  return {
    has: ({ id, revision }) => (revisions.get(id) ?? 0) >= revision,

    take(conversation) {
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
 * Reads, for one watcher, what was changed from a place on until `deliveredUntil`, which a tail moves on meanwhile:
 * nothing is changed before that time any more, so it is read once and in order.
 *
 * @returns the time up to which all is sent; undefined when `signal` is aborted
 */
export async function* catchUp(
  deps: CatchUpDeps,
  tenantId: string,
  place: WatchPlace,
  deliveredUntil: () => number,
  sent: Sent,
  signal: AbortSignal,
): AsyncGenerator<CatchUpBatch, number | undefined, void> {
  let last: Changed | undefined;
  let { from } = place;
  for (;;) {
    const after = last;
    // Before it reads: what is late may be written while it does.
    const until = deliveredUntil();
    const work = paced(
      deps.pace,
      signal,
      () => deps.conversations.changedSince(tenantId, place.from, after, PAGE),
      ({ length }) => costMs({ looked: length }),
    );
    for await (const _ of silences(deps, work)) yield { events: [], place: { from, floor: place.floor } };
    const page = await work;
    if (page === undefined) return undefined;
    const rows = page.filter(({ updatedAt }) => updatedAt < until);
    for await (const { list, last: through } of load(deps, rows, sent, signal)) {
      if (through) from = through.updatedAt;
      yield { events: list, place: { from, floor: place.floor } };
    }
    if (signal.aborted) return undefined;
    last = rows.at(-1) ?? last;
    if (rows.length < PAGE) return Math.max(until, place.from);
  }
}

/**
 * Sends what a watcher was not sent yet of rows that the tail has sent, in their order.
 *
 * @param deliveredUntil how far the place moves: what comes later may be followed by something that is late
 */
export async function* sendRows(
  deps: CatchUpDeps,
  rows: readonly Changed[],
  { from, floor }: WatchPlace,
  deliveredUntil: number,
  sent: Sent,
  signal: AbortSignal,
): AsyncGenerator<CatchUpBatch, void, void> {
  const unsent = rows.filter((row) => !sent.has(row));
  let reached = from;
  for await (const { list, last } of load(deps, unsent, sent, signal)) {
    if (last) reached = Math.max(reached, Math.min(last.updatedAt, deliveredUntil));
    yield { events: list, place: { from: reached, floor } };
  }
}

interface Loaded {
  readonly list: readonly EncodedEvent[];
  /** The last row of which all events have been given, with these. */
  readonly last: Changed | undefined;
}

/** Loads rows, a few at a time, and gives the events of them that were not sent yet; none when it takes its time. */
async function* load(
  deps: CatchUpDeps,
  rows: readonly Changed[],
  sent: Sent,
  signal: AbortSignal,
): AsyncGenerator<Loaded, void, void> {
  for (let i = 0; i < rows.length && !signal.aborted; i += LOADED) {
    const some = rows.slice(i, i + LOADED);
    const work = paced(
      deps.pace,
      signal,
      () => deps.conversations.findAll(some.map(({ id }) => id)),
      ({ length }) => costMs({ loaded: length, sends: 1 }),
    );
    for await (const _ of silences(deps, work)) yield { list: [], last: undefined };
    const found = await work;
    if (found === undefined) return;
    const byId = new Map(found.map((conversation) => [conversation.id, conversation]));
    const batches = createBatches();
    let last: Changed | undefined;
    for (const row of some) {
      const conversation = byId.get(row.id);
      if (conversation !== undefined) {
        for (const event of encodeEvents(conversation, sent.take(conversation))) {
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

/** Tells, while some work takes its time, each time when it has been silent for long. */
export async function* silences(
  { pause }: Pick<CatchUpDeps, 'pause'>,
  work: Promise<unknown>,
): AsyncGenerator<void, void, void> {
  const done = new AbortController();
  const end = () => done.abort();
  // What it fails with is for those who wait for it.
  work.then(end, end);
  for (;;) {
    await pause(QUIET_MS, done.signal);
    if (done.signal.aborted) return;
    yield;
  }
}
