import type { WatchConversationsResponse } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Cursors, Place } from './cursors.js';
import { followConversations } from './follow-conversations.js';
import type { TailDeps } from './watch-tail.js';
import { createTails } from './watch-tails.js';
import type { WatchPlace } from './watch-window.js';

/** The watches of a process: what happens to a tenant's conversations, for whoever follows them. */
export interface Watches {
  /** The place that a resume token names. @throws ServiceError invalid_input when it is not one of this tenant */
  readonly placeOf: (tenantId: string, resumeToken: string) => WatchPlace;
  /**
   * What one watcher is sent from a place on, or from now on, until `signal` is aborted.
   *
   * @throws ServiceError of the store
   */
  readonly follow: (
    tenantId: string,
    place: WatchPlace | undefined,
    signal: AbortSignal,
  ) => AsyncGenerator<WatchConversationsResponse, void, void>;
}

/** What watches need. */
export interface WatchDeps extends TailDeps {
  readonly cursors: Cursors;
}

/** No watches at first: watchers of one tenant share what is read for them. */
export function createWatches(deps: WatchDeps): Watches {
  const { cursors } = deps;
  const tokenOf = (tenantId: string, place: WatchPlace) => cursors.make(queryOf(tenantId), toCursor(place));
  const tails = createTails(deps, tokenOf);

  return {
    placeOf: (tenantId, token) => toPlace(cursors.read(queryOf(tenantId), token, 'resumeToken')),

    async *follow(tenantId, place, signal) {
      const { tail, leave } = tails.of(tenantId);
      const watcher = { tenantId, tail, signal, tokenOf: (at: WatchPlace) => tokenOf(tenantId, at) };
      try {
        yield* followConversations(deps, watcher, place);
      } finally {
        leave();
      }
    },
  };
}

/** What resume tokens belong to. */
function queryOf(tenantId: string) {
  return ['WatchConversations', tenantId] as const;
}

/** A cursor has room for a time and an id: the floor is where the id would be. */
function toCursor({ from, floor }: WatchPlace): Place {
  return { time: from, id: String(floor) };
}

function toPlace({ time, id }: Place): WatchPlace {
  return { from: time, floor: Number(id) };
}
