import type { Changed, Conversation } from '../conversation.js';
import { type ConversationEvent, eventsOf } from './events.js';

/**
 * How late a change may show, in ms. It is dated by its writer's clock, before it is written: writers' clocks differ,
 * and writing takes its time.
 */
export const OVERLAP_MS = 10_000;
/** How late nearly all changes show at most, in ms: most passes look no further back. */
const SHORT_OVERLAP_MS = 1_000;
/** How many conversations are remembered at most, at some 200 bytes each. */
const MAX_KNOWN = 200_000;

/** Where a watch stands. Times are ms since the epoch. */
export interface WatchPlace {
  /** Changes before this time are delivered. */
  readonly from: number;
  /**
   * What happened before is not sent any more, of whatever conversation. It is less than `from` while a backlog is
   * read: a conversation of it that changes moves to the end, with its earlier events unsent.
   */
  readonly floor: number;
}

/** When a pass begins, by a wall clock that may be wrong (see dates.ts). */
export interface PassStart {
  readonly earliest: number;
  readonly latest: number;
}

/**
 * What a tail has sent, and from where on it looks for more. It reads in passes: a full one goes back over the overlap
 * of the full one before, a short one over little of what the one before it has read. Both leave out what is known.
 */
export interface WatchWindow {
  readonly place: () => WatchPlace;
  /** Begins a pass, before anything is read. @returns the time from which to read */
  readonly begin: (start: PassStart, isFull: boolean) => number;
  /** Whether nothing of this change is to be sent: it was sent already. */
  readonly isSent: (row: Changed) => boolean;
  /** The events of a conversation that are to be sent, in order. */
  readonly unsent: (conversation: Conversation) => readonly ConversationEvent[];
  /**
   * Says that nothing is left to send of a row, nor of any before it in the pass. `loaded` is the conversation as it
   * was sent, which may be a later one: it does not tell how far the pass has come.
   */
  readonly sent: (row: Changed, loaded?: Pick<Changed, 'revision' | 'updatedAt'>) => void;
  /** Whether the pass, having come this far, has read what was there when it began: but for what moved meanwhile. */
  readonly isPast: (row: Changed) => boolean;
  /**
   * Ends a pass.
   *
   * @param isAtEnd whether it has read all that there is, not only {@link isPast}
   * @param keptFrom since when conversations are remembered even if they are delivered
   */
  readonly end: (isAtEnd: boolean, keptFrom?: number) => void;
  /** The conversations changed at or after `time` that it has sent, in the order of their changes. */
  readonly since: (time: number) => readonly Changed[];
  /** How many conversations it remembers. */
  readonly size: () => number;
}

/** A watch that goes on from a place. */
export function createWatchWindow(place: WatchPlace, maxKnown = MAX_KNOWN): WatchWindow {
  let { from, floor } = place;
  let reached = from;
  let isFull = true;
  let passStart = from;
  let latestStart = from;
  const known = new Map<string, Changed>();

  return {
    // Even of what is read already, a part may have come too late for it: the overlap is never done with.
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

    unsent(conversation) {
      const found = known.get(conversation.id);
      // A reused idempotency key can recreate an erased id: that is another conversation.
      const before = found && found.updatedAt >= conversation.createdAt ? found : undefined;
      return eventsOf(conversation).filter(({ revision, at }) =>
        before ? revision > before.revision : at >= floor,
      );
    },

    sent(row, { revision, updatedAt } = row) {
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

    since: (time) =>
      [...known.values()]
        .filter(({ updatedAt }) => updatedAt >= time)
        .sort((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1)),

    size: () => known.size,
  };

  /** A window with more in it than can be remembered is made narrower, such as one that a wrong clock has widened. */
  function forgetOldest(): void {
    const [oldest] = known.values();
    if (oldest === undefined) return;
    known.delete(oldest.id);
    from = Math.max(from, oldest.updatedAt + 1);
  }
}
