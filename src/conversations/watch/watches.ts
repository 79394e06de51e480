import type { WatchConversationsResponse } from '../../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Cursors, Place } from '../cursors.js';
import { followConversations } from './follow.js';
import type { TailDeps } from './tail.js';
import { createTails } from './tails.js';
import type { WatchPlace } from './window.js';

/** Serves WatchConversations in a process: watchers of the same tenant share one tail. */
export interface Watches {
  /** Reads the place in a resume token. @throws ServiceError invalid_input when the token was not made for this tenant */
  readonly placeOf: (tenantId: string, resumeToken: string) => WatchPlace;
  /**
   * Yields the responses of one watcher, from a place on or from now on, until `signal` is aborted.
   *
   * @throws ServiceError of the store
   */
  readonly follow: (
    tenantId: string,
    place: WatchPlace | undefined,
    signal: AbortSignal,
  ) => AsyncGenerator<WatchConversationsResponse, void, void>;
}

/** The dependencies of {@link createWatches}. */
export interface WatchDeps extends TailDeps {
  readonly cursors: Cursors;
}

/** Creates the watches of a process. */
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

/** The query that a resume token belongs to: one tenant's watch. */
function queryOf(tenantId: string) {
  return ['WatchConversations', tenantId] as const;
}

/** A cursor holds a time and a UUID; a watch place puts its floor into the 128 bits of the UUID. */
function toCursor({ from, floor }: WatchPlace): Place {
  return { time: from, id: floor.toString(16).padStart(32, '0') };
}

function toPlace({ time, id }: Place): WatchPlace {
  return { from: time, floor: Number(`0x0${id.replaceAll('-', '')}`) };
}
