import type { WatchConversationsResponse } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Dates } from '../time/dates.js';
import type { Elapsed } from '../time/elapsed.js';
import type { Pause } from '../time/pause.js';
import type { Changed, ConversationStore } from './conversation.js';
import { createWatchLog, type LogReader, type WatchLog } from './watch-log.js';
import { costMs, type Pace, paced } from './watch-pace.js';
import { createBatches, type EncodedEvent, encodeEvents, MAX_EVENTS, toResponse } from './watch-response.js';
import { createWatchWindow, OVERLAP_MS, type WatchPlace } from './watch-window.js';

/** What following a tenant's conversations needs. */
export interface TailDeps {
  readonly conversations: Pick<ConversationStore, 'changedSince' | 'findAll'>;
  readonly dates: Dates;
  readonly elapsed: Elapsed;
  readonly pause: Pause;
  readonly pace: Pace;
  /** How many responses are kept for watchers that are behind. */
  readonly maxKept?: number;
}

/** A response of the tail, for all its watchers. */
export interface TailEntry {
  readonly response: WatchConversationsResponse;
  readonly events: readonly EncodedEvent[];
  readonly place: WatchPlace;
}

/** A watcher's place at a tail. */
export interface Joined {
  readonly reader: LogReader<TailEntry>;
  /** Where the tail stands. */
  readonly place: WatchPlace;
  /** What the tail has sent of the conversations that were changed since the asked time, in their order. */
  readonly rows: readonly Changed[];
}

/** Follows one tenant's conversations for all its watchers: the store is read once, whatever their number. */
export interface Tail {
  /** Changes before this time are delivered to all that have joined. */
  readonly deliveredUntil: () => number;
  /**
   * Joins, when a full pass is done that began after this call: what a watcher has read by itself before meets what it
   * reads from the tail, and nothing falls between the two.
   *
   * @param since of which changes to tell what was sent already; none unless set
   * @returns undefined when `signal` is aborted
   * @throws ServiceError of the store
   */
  readonly join: (since: number | undefined, signal: AbortSignal) => Promise<Joined | undefined>;
  /** How many passes it has made over all that there was. */
  readonly wholePasses: () => number;
  readonly stop: () => void;
}

/** How many changes are looked up at once; of each, the conversation only if it is news. */
const PAGE = 1_000;
/** How many conversations are loaded at once. */
const LOADED = 200;
/** How long it waits after each pass, in ms. */
const POLL_MS = 500;
/** How long it waits for others when somebody joins, in ms: as long as a full pass takes, within these bounds. */
const JOIN_MS = 50;
const MAX_JOIN_MS = 1_000;
/** How often a pass is a full one, in ms; where that takes its time, at most so often, and at least. */
const FULL_MS = 5_000;
const MAX_FULL_SHARE = 1 / 5;
const MAX_FULL_MS = 30_000;
/** After how much silence it says that it is there, in ms, and how often it looks: 15 s are promised. */
const QUIET_MS = 13_500;
const LOOK_MS = 1_000;

interface Joiner {
  readonly since: number | undefined;
  /** The pass that was under way, or made last, when it came. */
  readonly pass: number;
  readonly seat: (joined: Joined) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Starts to follow a tenant from now on. "From now on" does not depend on clocks: what is there is noted in a first pass,
 * and whatever comes to it is news.
 *
 * @param tokenOf the resume token of a place
 * @param onFailed told that the store has failed: the tail has ended
 */
export function startTail(
  { conversations, dates, elapsed, pause, pace, maxKept }: TailDeps,
  tenantId: string,
  tokenOf: (place: WatchPlace) => string,
  onFailed: () => void,
): Tail {
  const start = Math.max(0, dates.earliest() - OVERLAP_MS);
  const window = createWatchWindow({ from: start, floor: start });
  const log: WatchLog<TailEntry> = createWatchLog(pause, maxKept);
  const stopped = new AbortController();
  const { signal } = stopped;
  const joiners = new Set<Joiner>();
  let resting = new AbortController();
  let pass = 0;
  let wholePasses = 0;
  let nextFullAt = Number.NEGATIVE_INFINITY;
  let tookFull = 0;
  let saidAt = elapsed();
  let failure: { readonly error: unknown } | undefined;
  run().catch((error: unknown) => {
    failure = { error };
    stopped.abort();
    onFailed();
    for (const { fail } of joiners) fail(error);
    log.fail(error);
  });
  void breakSilence();

  return {
    deliveredUntil: () => window.place().from,
    wholePasses: () => wholePasses,
    stop: () => stopped.abort(),

    async join(since, gone) {
      if (failure) throw failure.error;
      let leave = () => {};
      const joined = await new Promise<Joined | undefined>((resolve, reject) => {
        const joiner = { since, pass, seat: resolve, fail: reject };
        leave = () => {
          joiners.delete(joiner);
          resolve(undefined);
        };
        joiners.add(joiner);
        gone.addEventListener('abort', leave);
        if (gone.aborted) leave();
        resting.abort();
      });
      gone.removeEventListener('abort', leave);
      return joined;
    },
  };

  async function run(): Promise<void> {
    // Those who start it come into its first pass.
    await Promise.resolve();
    await readPass(async (rows) => {
      for (const row of rows) window.sent(row);
    });
    while (!signal.aborted) {
      resting = new AbortController();
      const { signal: joined } = resting;
      if (joiners.size === 0) await pause(POLL_MS, AbortSignal.any([signal, joined]));
      // Many that come at once share a pass; those that come one after the other do not make it look all the time.
      if (joiners.size > 0) await pause(Math.min(Math.max(JOIN_MS, tookFull), MAX_JOIN_MS), signal);
      await readPass(send);
    }
  }

  /** Apart from the passes: those may have to wait when the process is busy. */
  async function breakSilence(): Promise<void> {
    while (!signal.aborted) {
      await pause(LOOK_MS, signal);
      if (elapsed() >= saidAt + QUIET_MS && !signal.aborted) say([]);
    }
  }

  /** Reads what was changed, in the order of the changes, page by page: `use` gets what was not sent yet. */
  async function readPass(use: (rows: readonly Changed[]) => Promise<void>): Promise<void> {
    pass++;
    const began = elapsed();
    const isFull = joiners.size > 0 || began >= nextFullAt;
    const from = window.begin({ earliest: dates.earliest(), latest: dates.latest() }, isFull);
    let last: Changed | undefined;
    do {
      const after = last;
      const page = await paced(
        pace,
        signal,
        () => conversations.changedSince(tenantId, from, after, PAGE),
        ({ length }) => costMs({ looked: length }),
      );
      if (page === undefined) return;
      await use(page.filter((row) => !window.isSent(row)));
      last = page.length === PAGE ? page.at(-1) : undefined;
      // A pass has an end even where more is written than is read: what it remembers is bounded by that.
    } while (last && !window.isPast(last) && !signal.aborted);
    window.end(last === undefined, Math.min(...[...joiners].map(({ since = Infinity }) => since)));
    if (!isFull) return;
    tookFull = elapsed() - began;
    nextFullAt = began + Math.min(Math.max(FULL_MS, tookFull / MAX_FULL_SHARE), MAX_FULL_MS);
    if (last === undefined) wholePasses++;
    seatJoiners();
  }

  function seatJoiners(): void {
    for (const joiner of joiners) {
      if (joiner.pass >= pass) continue;
      joiners.delete(joiner);
      const { since, seat } = joiner;
      const rows = since === undefined ? [] : window.since(since);
      seat({ reader: log.read(), place: window.place(), rows });
    }
  }

  async function send(rows: readonly Changed[]): Promise<void> {
    for (let i = 0; i < rows.length && !signal.aborted; i += LOADED) {
      const some = rows.slice(i, i + LOADED);
      const work = async () => {
        const found = await conversations.findAll(some.map(({ id }) => id));
        const byId = new Map(found.map((conversation) => [conversation.id, conversation]));
        const batches = createBatches();
        for (const row of some) {
          const conversation = byId.get(row.id);
          // It was erased in between.
          if (conversation === undefined) continue;
          for (const event of encodeEvents(conversation, window.unsent(conversation))) {
            const full = batches.add(event);
            if (full) say(full);
          }
          window.sent(row, conversation);
        }
        const rest = batches.rest();
        if (rest) say(rest);
        // To send it to all is a part of the work.
        await log.settled(signal);
        return found.length;
      };
      const sends = Math.ceil(some.length / MAX_EVENTS) * log.readers();
      await paced(pace, signal, work, (loaded) => costMs({ loaded, sends }));
    }
  }

  function say(events: readonly EncodedEvent[]): void {
    saidAt = elapsed();
    const place = window.place();
    const bytes = events.reduce((sum, event) => sum + event.bytes.length, 0);
    log.add({ response: toResponse(events, tokenOf(place)), events, place }, bytes);
  }
}
