import type { WatchConversationsResponse } from '../../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Dates } from '../../time/dates.js';
import type { Elapsed } from '../../time/elapsed.js';
import type { Pause } from '../../time/pause.js';
import type { ChangedRow, ConversationStore } from '../conversation.js';
import { createWatchLog, type LogReader, type WatchLog } from './log.js';
import { costMs, type Pace, paced } from './pace.js';
import { createBatches, type EncodedEvent, encodeEvents, MAX_EVENTS, toResponse } from './response.js';
import { createWatchWindow, OVERLAP_MS, type WatchPlace } from './window.js';

/** The dependencies and settings of {@link startTail}. */
export interface TailDeps {
  readonly conversations: Pick<ConversationStore, 'changedSince' | 'findChanged'>;
  readonly dates: Dates;
  readonly elapsed: Elapsed;
  readonly pause: Pause;
  readonly pace: Pace;
  /** How many responses are kept for slow watchers. */
  readonly maxKept?: number;
}

/** A response that the tail sends to all its watchers. */
export interface TailEntry {
  readonly response: WatchConversationsResponse;
  readonly events: readonly EncodedEvent[];
  readonly place: WatchPlace;
}

/** What a watcher gets when it has joined a tail. */
export interface TailSubscription {
  /** Reads the responses from now on; the watcher closes it when it leaves. */
  readonly reader: LogReader<TailEntry>;
  /** The tail's place at the moment of joining. */
  readonly place: WatchPlace;
  /** The conversations changed at or after `since` that the tail had already sent by then, in the order of the changes. */
  readonly rows: readonly ChangedRow[];
}

/** Follows the conversations of one tenant for all its watchers, so that the store is read once for all of them. */
export interface Tail {
  /** Changes before this time have been sent to every watcher that has joined. */
  readonly deliveredUntil: () => number;
  /**
   * Joins at the end of the first full pass that began after this call. So no change falls between the watcher's own
   * catch-up and the tail.
   *
   * @param since from when on to report in `rows` what was already sent; nothing is reported when it is undefined
   * @returns undefined when `signal` is aborted
   * @throws ServiceError of the store
   */
  readonly join: (since: number | undefined, signal: AbortSignal) => Promise<TailSubscription | undefined>;
  /** How many full passes have read every row that there was; a pass stops early while writes outrun it. */
  readonly wholePasses: () => number;
  readonly stop: () => void;
}

/** How many changes one query lists; only those that were not sent yet are loaded. */
const PAGE_SIZE = 1_000;
/** How many conversations one query loads. */
const LOAD_SIZE = 200;
/** The pause between two passes, in ms. */
const POLL_MS = 500;
/** How long the next pass waits for more watchers to join, in ms: as long as a full pass takes, within these bounds. */
const MIN_JOIN_MS = 50;
const MAX_JOIN_MS = 1_000;
/**
 * A full pass begins every {@link FULL_MS}. Slow full passes begin less often, so that they take at most this share of
 * the time, but every {@link MAX_FULL_MS} at the latest.
 */
const FULL_MS = 5_000;
const MAX_FULL_SHARE = 1 / 5;
const MAX_FULL_MS = 30_000;
/** How long there are no events before a heartbeat is sent, in ms: the API promises a message every 15 s. */
const HEARTBEAT_MS = 13_500;
/** How often the tail checks whether a heartbeat is due, in ms. */
const HEARTBEAT_CHECK_MS = 1_000;

interface Joiner {
  readonly since: number | undefined;
  /** The number of the pass that was running when the watcher asked to join, or else of the last one. */
  readonly pass: number;
  readonly resolve: (joined: TailSubscription) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Starts to follow a tenant's conversations from now on. "Now" does not depend on clocks: the first pass only notes what
 * is stored, and everything that later passes find beyond that is new.
 *
 * @param tokenOf makes the resume token of a place
 * @param onFailed called when the store has failed, which ends the tail
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
  let pollPause = new AbortController();
  let pass = 0;
  let wholePasses = 0;
  let nextFullAt = Number.NEGATIVE_INFINITY;
  let fullPassMs = 0;
  let sentAt = elapsed();
  let failure: { readonly error: unknown } | undefined;
  run().catch((error: unknown) => {
    failure = { error };
    stopped.abort();
    onFailed();
    for (const { reject } of joiners) reject(error);
    log.fail(error);
  });
  void sendHeartbeats();

  return {
    deliveredUntil: () => window.place().from,
    wholePasses: () => wholePasses,
    stop: () => stopped.abort(),

    async join(since, watcherSignal) {
      if (failure) throw failure.error;
      let leave = () => {};
      const joined = await new Promise<TailSubscription | undefined>((resolve, reject) => {
        const joiner = { since, pass, resolve, reject };
        leave = () => {
          joiners.delete(joiner);
          resolve(undefined);
        };
        joiners.add(joiner);
        watcherSignal.addEventListener('abort', leave);
        if (watcherSignal.aborted) leave();
        pollPause.abort();
      });
      watcherSignal.removeEventListener('abort', leave);
      return joined;
    },
  };

  async function run(): Promise<void> {
    // The watcher that has just started the tail joins before its first pass begins, not after it.
    await Promise.resolve();
    await readPass(async (rows) => {
      for (const row of rows) window.markSent(row);
    });
    while (!signal.aborted) {
      pollPause = new AbortController();
      const { signal: hasJoiner } = pollPause;
      if (joiners.size === 0) await pause(POLL_MS, AbortSignal.any([signal, hasJoiner]));
      // The wait lets watchers that join together share a full pass, and keeps a pause between full passes otherwise.
      if (joiners.size > 0) await pause(Math.min(Math.max(MIN_JOIN_MS, fullPassMs), MAX_JOIN_MS), signal);
      await readPass(send);
    }
  }

  /** Sends heartbeats independently of the passes, which have to wait when the process is busy. */
  async function sendHeartbeats(): Promise<void> {
    while (!signal.aborted) {
      await pause(HEARTBEAT_CHECK_MS, signal);
      if (elapsed() >= sentAt + HEARTBEAT_MS && !signal.aborted) addToLog([]);
    }
  }

  /** Lists the changes page by page, in their order. `use` gets those that were not sent yet. */
  async function readPass(use: (rows: readonly ChangedRow[]) => Promise<void>): Promise<void> {
    pass++;
    const began = elapsed();
    const isFull = joiners.size > 0 || began >= nextFullAt;
    const from = window.begin({ earliest: dates.earliest(), latest: dates.latest() }, isFull);
    let last: ChangedRow | undefined;
    do {
      const after = last;
      const page = await paced(
        pace,
        signal,
        () => conversations.changedSince(tenantId, from, after, PAGE_SIZE),
        ({ length }) => costMs({ listed: length }),
      );
      if (page === undefined) return;
      await use(page.filter((row) => !window.isSent(row)));
      last = page.length === PAGE_SIZE ? page.at(-1) : undefined;
      // A pass ends even when writes outrun it, which bounds how many conversations the window remembers.
    } while (last && !window.isPast(last) && !signal.aborted);
    window.end(last === undefined, Math.min(...[...joiners].map(({ since = Infinity }) => since)));
    if (!isFull) return;
    fullPassMs = elapsed() - began;
    nextFullAt = began + Math.min(Math.max(FULL_MS, fullPassMs / MAX_FULL_SHARE), MAX_FULL_MS);
    if (last === undefined) wholePasses++;
    admitJoiners();
  }

  function admitJoiners(): void {
    for (const joiner of joiners) {
      if (joiner.pass >= pass) continue;
      joiners.delete(joiner);
      const { since, resolve } = joiner;
      const rows = since === undefined ? [] : window.sentSince(since);
      resolve({ reader: log.read(), place: window.place(), rows });
    }
  }

  async function send(rows: readonly ChangedRow[]): Promise<void> {
    for (let i = 0; i < rows.length && !signal.aborted; i += LOAD_SIZE) {
      const chunk = rows.slice(i, i + LOAD_SIZE);
      const work = async () => {
        const found = await conversations.findChanged(chunk.map(({ id }) => id));
        const byId = new Map(found.map((conversation) => [conversation.id, conversation]));
        const batches = createBatches();
        for (const row of chunk) {
          const conversation = byId.get(row.id);
          // Removed by the TTL index since the changes were listed.
          if (conversation === undefined) continue;
          for (const event of encodeEvents(conversation, window.unsentEvents(conversation))) {
            const full = batches.add(event);
            if (full) addToLog(full);
          }
          window.markSent(row, conversation);
        }
        const rest = batches.rest();
        if (rest) addToLog(rest);
        // Sending to all watchers belongs to this piece of work, so that the pace counts its cost.
        await log.settled(signal);
        return found.length;
      };
      const sends = Math.ceil(chunk.length / MAX_EVENTS) * log.readers();
      await paced(pace, signal, work, (loaded) => costMs({ loaded, sends }));
    }
  }

  function addToLog(events: readonly EncodedEvent[]): void {
    sentAt = elapsed();
    const place = window.place();
    const bytes = events.reduce((sum, event) => sum + event.bytes.length, 0);
    log.add({ response: toResponse(events, tokenOf(place)), events, place }, bytes);
  }
}
