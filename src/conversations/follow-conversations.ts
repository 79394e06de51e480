import type { WatchConversationsResponse } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { type CatchUpDeps, catchUp, createSent, type Sent, sendRows, silences } from './watch-catch-up.js';
import { type EncodedEvent, encodeEvents, toResponse } from './watch-response.js';
import type { Joined, Tail, TailEntry } from './watch-tail.js';
import type { WatchPlace } from './watch-window.js';

/** One watcher of a tenant. */
export interface Watcher {
  readonly tenantId: string;
  readonly tail: Tail;
  readonly tokenOf: (place: WatchPlace) => string;
  /** Aborted when it is over. */
  readonly signal: AbortSignal;
}

/**
 * What one watcher is sent, from a place on, or from now on: the first response and some others have no events. It
 * catches up by itself, then takes its place at the tail, and catches up again if it is too slow for that.
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
    const joined = yield* seat(deps, tail.join(undefined, signal), () => tokenOf({ from, floor: from }));
    if (joined === undefined) return;
    try {
      yield toResponse([], tokenOf(joined.place));
      place = yield* take(joined, watcher);
    } finally {
      joined.reader.close();
    }
  } else {
    yield toResponse([], tokenOf(place));
  }
  while (place !== undefined) {
    const sent = createSent(place.floor);
    const met = yield* meet(deps, watcher, place, sent);
    if (met === undefined) return;
    const behind = { from: met.since, floor: place.floor };
    const joined = yield* seat(deps, met.joining, () => tokenOf(behind));
    if (joined === undefined) return;
    try {
      const { rows, place: tailPlace } = joined;
      for await (const batch of sendRows(deps, rows, behind, tailPlace.from, sent, signal))
        yield toResponse(batch.events, tokenOf(batch.place));
      place = yield* take(joined, watcher, sent);
    } finally {
      joined.reader.close();
    }
  }
}

/** Waits for a place at the tail, without being silent for long. A watcher that leaves meanwhile leaves no reader. */
async function* seat(
  deps: CatchUpDeps,
  joining: Promise<Joined | undefined>,
  token: () => string,
): AsyncGenerator<WatchConversationsResponse, Joined | undefined, void> {
  let isHere = false;
  try {
    for await (const _ of silences(deps, joining)) yield toResponse([], token());
    const joined = await joining;
    isHere = true;
    return joined;
  } finally {
    if (!isHere)
      joining.then(
        (joined) => joined?.reader.close(),
        () => {},
      );
  }
}

/**
 * Sends what comes before the tail, and begins to join it. The promise stands in an object because joining begins with
 * the very look at where the tail stands: it remembers what it has sent since then from that moment.
 *
 * @returns undefined when the watcher is gone
 */
async function* meet(
  deps: CatchUpDeps,
  { tenantId, tail, tokenOf, signal }: Watcher,
  { from, floor }: WatchPlace,
  sent: Sent,
): AsyncGenerator<
  WatchConversationsResponse,
  { readonly since: number; readonly joining: Promise<Joined | undefined> } | undefined,
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
 * Sends what the tail sends. `sent` is what the watcher has read by itself: the tail may send it again, and it does not
 * send what only this watcher is owed, the earlier events of a conversation that moved while its backlog was read. Once
 * the tail has been over all that there is, neither happens any more.
 *
 * @returns where to catch up from when the watcher has fallen behind; undefined when it is gone
 */
async function* take(
  { reader, place }: Joined,
  { tail, tokenOf, signal }: Watcher,
  sent?: Sent,
): AsyncGenerator<WatchConversationsResponse, WatchPlace | undefined, void> {
  let last = place;
  const aloneUntil = tail.wholePasses() + 2;
  for (;;) {
    const entry = await reader.next(signal);
    if (entry === undefined) return undefined;
    if (entry === 'behind') return last;
    if (sent === undefined || tail.wholePasses() >= aloneUntil) yield entry.response;
    else yield* owed(entry, sent, tokenOf);
    last = entry.place;
  }
}

/** What a watcher is to be sent of the conversations that the tail has sent. */
function* owed({ response, events, place }: TailEntry, sent: Sent, tokenOf: Watcher['tokenOf']) {
  const conversations = new Set(events.map(({ conversation }) => conversation));
  const list = [...conversations].flatMap((conversation) =>
    encodeEvents(conversation, sent.take(conversation)),
  );
  // Silence is sent as it is, and no new silence made.
  if (list.length > 0 || events.length === 0)
    yield isSame(list, events) ? response : toResponse(list, tokenOf(place));
}

function isSame(list: readonly EncodedEvent[], events: readonly EncodedEvent[]): boolean {
  return (
    list.length === events.length &&
    list.every(({ event }, i) => event.revision === events[i]?.event.revision)
  );
}
