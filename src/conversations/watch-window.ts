import type { Changed, Conversation } from './conversation.js';
import { type ConversationEvent, eventsOf } from './conversation-events.js';

/**
 * How late a change may show, in ms. It is dated by its writer's clock, before it is written: writers' clocks differ,
 * and writing takes its time.
 */
export const OVERLAP_MS = 10_000;

/** Where a watch stands. Times are ms since the epoch. */
export interface WatchPlace {
  /** What was changed before is done with. */
  readonly from: number;
  /**
   * What happened before is not sent any more, of whatever conversation. It is less than `from` while a backlog is
   * read: a conversation of it that changes moves to the end, with its earlier events unsent.
   */
  readonly floor: number;
}

/**
 * What a watch has sent, and from where on it looks for more. It reads in passes over what was changed since
 * {@link WatchPlace.from}; each goes back over the overlap of the one before, and leaves out what it knows.
 */
export interface WatchWindow {
  readonly place: () => WatchPlace;
  /** Begins a pass, before anything is read: at `earliest` or, by a clock that was set back, `latest`. */
  readonly begin: (earliest: number, latest: number) => void;
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
  /** Ends a pass. @param isAtEnd whether it has read all that there is, not only {@link isPast} */
  readonly end: (isAtEnd: boolean) => void;
  /** How many conversations it remembers. */
  readonly size: () => number;
}

/** A watch that goes on from a place. */
export function createWatchWindow(place: WatchPlace): WatchWindow {
  let { from, floor } = place;
  let reached = from;
  let passStart = from;
  let latestStart = from;
  const known = new Map<string, Changed>();

  return {
    // Even of what is read already, a part may have come too late for it: the overlap is never done with.
    place: () => ({ from: Math.max(from, Math.min(reached, passStart - OVERLAP_MS)), floor }),

    begin(earliest, latest) {
      passStart = earliest;
      latestStart = latest;
      reached = from;
    },

    isSent: ({ id, revision }) => (known.get(id)?.revision ?? 0) >= revision,

    unsent(conversation) {
      const before = known.get(conversation.id);
      return eventsOf(conversation).filter(({ revision, at }) =>
        before ? revision > before.revision : at >= floor,
      );
    },

    sent(row, { revision, updatedAt } = row) {
      const { id } = row;
      reached = row.updatedAt;
      // What is older is not read again, unless it changes while there is a backlog: then some of it is sent twice. To
      // remember it all would take as much memory as there is to catch up with.
      if (updatedAt >= passStart - OVERLAP_MS) known.set(id, { id, revision, updatedAt });
    },

    isPast: ({ updatedAt }) => updatedAt > latestStart + OVERLAP_MS,

    end(isAtEnd) {
      from = Math.max(from, passStart - OVERLAP_MS);
      reached = from;
      if (isAtEnd) floor = from;
      for (const [id, { updatedAt }] of known) if (updatedAt < from) known.delete(id);
    },

    size: () => known.size,
  };
}
