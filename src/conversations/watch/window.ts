import type { ChangedRow, Conversation, ErasedConversation } from '../conversation.js';
import { isErased } from '../erased.js';
import { type ConversationEvent, eventsOf } from './events.js';

/**
 * How far full passes look back, in ms: a change may become visible this much after the time that it is dated with. The
 * writer dates it by its own clock before the write; clocks differ, and the write takes time.
 */
export const OVERLAP_MS = 10_000;
/** How far short passes look back, in ms: nearly all changes become visible sooner than that. */
const SHORT_OVERLAP_MS = 1_000;
/** The most conversations that a window remembers, at some 200 bytes each. */
const MAX_KNOWN = 200_000;

/** How far a watch has come. Times are ms since the epoch. */
export interface WatchPlace {
  /** Changes before this time are delivered. */
  readonly from: number;
  /**
   * Events before this time are never sent, whichever conversation they belong to. While a backlog is read, `floor` is
   * lower than `from`: a conversation of the backlog that changes again moves to the end of the order, and its earlier
   * events are still unsent.
   */
  readonly floor: number;
}

/** The start time of a pass: the range in which it lies by a wall clock that may be wrong (see time/dates.ts). */
export interface PassStart {
  readonly earliest: number;
  readonly latest: number;
}

/**
 * The sliding window of a tail: which revisions it has sent lately, and from when on the next pass reads. A full pass
 * reads again everything that may have become visible late; a short pass reads only the last second or so again. Both
 * skip what was sent.
 */
export interface WatchWindow {
  readonly place: () => WatchPlace;
  /** Begins a pass, before its first query. @returns the time from which to read */
  readonly begin: (start: PassStart, isFull: boolean) => number;
  /** Whether this revision of the conversation, or a later one, was sent. */
  readonly isSent: (row: ChangedRow) => boolean;
  /** The unsent events of a conversation, in order. */
  readonly unsentEvents: (conversation: Conversation | ErasedConversation) => readonly ConversationEvent[];
  /**
   * Notes that the events of a row, and of all rows before it in the pass, are sent.
   *
   * @param loaded the revision that was sent, when it is later than the row's. The pass has still come only as far as the
   * row.
   */
  readonly markSent: (row: ChangedRow, loaded?: Pick<ChangedRow, 'revision' | 'updatedAt'>) => void;
  /**
   * Whether the pass has read beyond its own start time, plus the overlap for late changes. Everything that was stored
   * when it began is read by then, except what has changed since.
   */
  readonly isPast: (row: ChangedRow) => boolean;
  /**
   * Ends a pass.
   *
   * @param isAtEnd whether the pass has read every row, instead of stopping where {@link isPast} holds
   * @param keptFrom conversations changed since then are remembered even when they are delivered
   */
  readonly end: (isAtEnd: boolean, keptFrom?: number) => void;
  /** The conversations changed at or after `time` that were sent, in the order of their changes. */
  readonly sentSince: (time: number) => readonly ChangedRow[];
  /** How many conversations the window remembers. */
  readonly size: () => number;
}

/** Creates the window of a tail that starts at a place. */
export function createWatchWindow(place: WatchPlace, maxKnown = MAX_KNOWN): WatchWindow {
  let { from, floor } = place;
  let reached = from;
  let isFull = true;
  let passStart = from;
  let latestStart = from;
  const known = new Map<string, ChangedRow>();

  return {
    // The place stays behind the pass by the overlap: changes that are dated within it may still become visible.
    place: () => ({ from: Math.max(from, Math.min(reached, passStart - OVERLAP_MS)), floor }),

    begin({ earliest, latest }, full) {
      const before = Math.min(passStart, earliest);
      isFull = full;
      passStart = earliest;
      latestStart = latest;
      reached = from;
      return full ? from : Math.max(from, before - SHORT_OVERLAP_MS);
    },

    isSent({ id, revision, updatedAt }) {
      const before = known.get(id);
      return before !== undefined && before.revision >= revision && before.updatedAt >= updatedAt;
    },

    unsentEvents(conversation) {
      const found = known.get(conversation.id);
      const before = found && countsOn(conversation, found) ? found : undefined;
      return eventsOf(conversation).filter(({ revision, at }) =>
        before ? revision > before.revision : at >= floor,
      );
    },

    markSent(row, { revision, updatedAt } = row) {
      const { id } = row;
      if (isFull) reached = row.updatedAt;
      if (updatedAt < from) return;
      known.delete(id);
      known.set(id, { id, revision, updatedAt });
      if (known.size > maxKnown) forgetOldest();
    },

    isPast: ({ updatedAt }) => updatedAt > latestStart + OVERLAP_MS,

    end(isAtEnd, keptFrom = Number.POSITIVE_INFINITY) {
      if (!isFull) return;
      from = Math.max(from, passStart - OVERLAP_MS);
      reached = from;
      if (isAtEnd) floor = from;
      const kept = Math.min(from, keptFrom);
      for (const [id, { updatedAt }] of known) if (updatedAt < kept) known.delete(id);
    },

    sentSince: (time) =>
      [...known.values()]
        .filter(({ updatedAt }) => updatedAt >= time)
        .sort((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1)),

    size: () => known.size,
  };

  /** Narrows a window that holds more than can be remembered, for example because a wrong clock has widened it. */
  function forgetOldest(): void {
    const [oldest] = known.values();
    if (oldest === undefined) return;
    known.delete(oldest.id);
    from = Math.max(from, oldest.updatedAt + 1);
  }
}

/**
 * Whether the revisions of a row count on from one that was sent. A reused idempotency key can recreate an erased id:
 * that conversation counts on from its predecessor's tombstone, and from 1 when the tombstone was removed.
 */
function countsOn(row: Conversation | ErasedConversation, sent: ChangedRow): boolean {
  return isErased(row) || row.predecessor !== undefined || sent.updatedAt >= row.createdAt;
}
