import type { WatchConversationsResponse } from '../../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import {
  type CatchUpDeps,
  catchUp,
  createSentRevisions,
  heartbeats,
  type SentRevisions,
  sendRows,
} from './catch-up.js';
import { type EncodedEvent, encodeEvents, toResponse } from './response.js';
import type { Tail, TailEntry, TailSubscription } from './tail.js';
import type { WatchPlace } from './window.js';

/** One watcher of a tenant. */
export interface Watcher {
  readonly tenantId: string;
  readonly tail: Tail;
  readonly tokenOf: (place: WatchPlace) => string;
  /** Aborted when the watch ends. */
  readonly signal: AbortSignal;
}

/**
 * Yields the responses of one watcher, from a place on or from now on. A watcher with a backlog catches up by reading the
 * store itself, then joins the tail that all watchers of the tenant share; if it falls behind the tail's log, it catches
 * up again. The first response has no events: it carries the resume token. Heartbeats have none either.
 *
 * @throws ServiceError of the store
 */
export async function* followConversations(
  deps: CatchUpDeps,
  watcher: Watcher,
  start: WatchPlace | undefined,
): AsyncGenerator<WatchConversationsResponse, void, void> {
  const { tail, tokenOf, signal } = watcher;
  let place = start;
  if (place === undefined) {
    const from = tail.deliveredUntil();
    const joined = yield* awaitJoin(deps, tail.join(undefined, signal), () => tokenOf({ from, floor: from }));
    if (joined === undefined) return;
    try {
      yield toResponse([], tokenOf(joined.place));
      place = yield* readTail(joined, watcher);
    } finally {
      joined.reader.close();
    }
  } else {
    yield toResponse([], tokenOf(place));
  }
  while (place !== undefined) {
    const sent = createSentRevisions(place.floor);
    const caughtUp = yield* catchUpToTail(deps, watcher, place, sent);
    if (caughtUp === undefined) return;
    const behind = { from: caughtUp.since, floor: place.floor };
    const joined = yield* awaitJoin(deps, caughtUp.joining, () => tokenOf(behind));
    if (joined === undefined) return;
    try {
      const { rows, place: tailPlace } = joined;
      for await (const batch of sendRows(deps, rows, behind, tailPlace.from, sent, signal))
        yield toResponse(batch.events, tokenOf(batch.place));
      place = yield* readTail(joined, watcher, sent);
    } finally {
      joined.reader.close();
    }
  }
}

/**
 * Waits until the watcher has joined the tail, and yields heartbeats meanwhile. When the watcher leaves first, it closes
 * the reader that the join may still bring: an open reader would keep entries in the tail's log.
 */
async function* awaitJoin(
  deps: CatchUpDeps,
  joining: Promise<TailSubscription | undefined>,
  token: () => string,
): AsyncGenerator<WatchConversationsResponse, TailSubscription | undefined, void> {
  let isReturned = false;
  try {
    for await (const _ of heartbeats(deps, joining)) yield toResponse([], token());
    const joined = await joining;
    isReturned = true;
    return joined;
  } finally {
    if (!isReturned)
      joining.then(
        (joined) => joined?.reader.close(),
        () => {},
      );
  }
}

/**
 * Sends the backlog up to where the tail stands, and begins to join the tail. The join must begin in the same turn of the
 * event loop in which the tail's position was compared: from then on the tail remembers what it sends after `since`. The
 * promise is wrapped in an object because an async generator awaits a promise that it returns.
 *
 * @returns undefined when the watcher is gone
 */
async function* catchUpToTail(
  deps: CatchUpDeps,
  { tenantId, tail, tokenOf, signal }: Watcher,
  { from, floor }: WatchPlace,
  sent: SentRevisions,
): AsyncGenerator<
  WatchConversationsResponse,
  { readonly since: number; readonly joining: Promise<TailSubscription | undefined> } | undefined,
  void
> {
  for (let since = from; ; ) {
    const batches = catchUp(deps, tenantId, { from: since, floor }, tail.deliveredUntil, sent, signal);
    let next = await batches.next();
    while (!next.done) {
      const { events, place } = next.value;
      yield toResponse(events, tokenOf(place));
      next = await batches.next();
    }
    if (next.value === undefined) return undefined;
    since = next.value;
    if (tail.deliveredUntil() <= since) return { since, joining: tail.join(since, signal) };
  }
}

/**
 * Forwards the tail's responses to a watcher. At first they are filtered by `sent`, the revisions that the watcher read
 * during its catch-up, for two reasons: the tail may send such an event again, and it leaves out the earlier events of a
 * conversation that changed while the backlog was read, which only this watcher still lacks. After two more whole passes
 * of the tail neither can happen, and the tail's own responses are forwarded.
 *
 * @returns where to catch up from when the watcher has fallen behind; undefined when it is gone
 */
async function* readTail(
  { reader, place }: TailSubscription,
  { tail, tokenOf, signal }: Watcher,
  sent?: SentRevisions,
): AsyncGenerator<WatchConversationsResponse, WatchPlace | undefined, void> {
  let last = place;
  const filterUntil = tail.wholePasses() + 2;
  for (;;) {
    const entry = await reader.next(signal);
    if (entry === undefined) return undefined;
    if (entry === 'behind') return last;
    if (sent === undefined || tail.wholePasses() >= filterUntil) yield entry.response;
    else yield* unsentOf(entry, sent, tokenOf);
    last = entry.place;
  }
}

/** The response with those events of the entry's conversations that this watcher was not sent; none if there are none. */
function* unsentOf({ response, events, place }: TailEntry, sent: SentRevisions, tokenOf: Watcher['tokenOf']) {
  const conversations = new Set(events.map(({ conversation }) => conversation));
  const list = [...conversations].flatMap((conversation) =>
    encodeEvents(conversation, sent.takeUnsent(conversation)),
  );
  // A heartbeat of the tail is forwarded; an entry whose events were all sent does not become an extra heartbeat.
  if (list.length > 0 || events.length === 0)
    yield isSame(list, events) ? response : toResponse(list, tokenOf(place));
}

function isSame(list: readonly EncodedEvent[], events: readonly EncodedEvent[]): boolean {
  return (
    list.length === events.length &&
    list.every(({ event }, i) => event.revision === events[i]?.event.revision)
  );
}
