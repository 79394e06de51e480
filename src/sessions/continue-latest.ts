import { type ChangeDeps, changeConversation } from '../conversations/change-conversation.js';
import {
  type Continuation,
  type Conversation,
  type ConversationStore,
  changeFields,
} from '../conversations/conversation.js';
import { canonicalLocale } from '../conversations/locale.js';
import { mergeMaps } from '../conversations/variables.js';
import type { OpenSessionRequest } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { requireRetry } from './idempotency.js';
import { refreshedJti } from './jti.js';
import { type RefreshDeps, tokenTimes } from './refreshed-times.js';

/** The dependencies of {@link continueLatest}. */
export interface ContinueDeps extends Omit<ChangeDeps, 'conversations'>, RefreshDeps {
  readonly conversations: Pick<ConversationStore, 'find' | 'list' | 'replace'>;
  /** A new token id: unguessable, 128 bits. */
  readonly newJti: () => string;
}

/** The conversation that an open answers, and its token's claims. */
export type OpenedSession = Pick<Conversation, 'id' | 'session'>;

/**
 * How many of the customer's verified conversations are looked at, the latest first, whatever their widget key: 4 MB at
 * the very most. A customer who has opened more of them at other keys since gets a new conversation.
 */
const MAX_LOOKED_AT = 100;

/** How many continuations a conversation remembers, for retries: several tabs may come back at the same time. */
const MAX_CONTINUATIONS = 4;

/**
 * Continues the latest conversation of a verified customer at a widget key, if there is one that has not ended and is
 * not too old. The conversation changes as by a refresh.
 *
 * A retry with an idempotency key gets the same conversation and token as the first try: see {@link Continuation}.
 *
 * @param opened the new conversation that is stored when there is none to continue; its customer is verified
 * @returns undefined when there is none, or it ended meanwhile
 * @throws ServiceError idempotency_conflict, validation_failed when the merged maps break a rule
 */
export async function continueLatest(
  deps: ContinueDeps,
  opened: Conversation,
  request: OpenSessionRequest,
  call: AuthenticatedCall,
): Promise<OpenedSession | undefined> {
  const { conversations, now } = deps;
  const { tenantId, customerId } = opened;
  const latest = await conversations.list({
    tenantId,
    customerId,
    verifiedOnly: true,
    openedFrom: now() - deps.sessionMaxAgeSeconds * 1000,
    limit: MAX_LOOKED_AT,
  });
  if (opened.idempotency) {
    // Read after the list: a first try that opens a conversation meanwhile is then found by its id.
    const first = (await conversations.find(opened.id)) ?? findContinued(latest, opened);
    if (first) return requireRetry(first, opened, now());
  }
  const candidate = latest.find((one) => isSameCustomer(one, opened) && isOngoing(deps, one));
  if (!candidate) return undefined;

  let session: Conversation['session'] | undefined;
  const changed = await changeConversation(deps, candidate.id, call.signal, (found) => {
    session = undefined;
    if (!found || !isSameCustomer(found, opened)) return undefined;
    const first = findContinued([found], opened);
    if (first) {
      session = requireRetry(first, opened, now()).session;
      return found;
    }
    const times = tokenTimes(deps, withTtl(found, opened));
    if (!times || found.endedAt !== undefined) return undefined;
    session = { jti: refreshedJti(found.session.jti, deps.newJti()), ...times };
    return changeFields(found, 'refreshed', deps, {
      ...mergeMaps(found, request),
      locale: canonicalLocale(request.locale) ?? found.locale,
      expiresAt: Math.max(found.expiresAt, session.exp),
      ...(opened.ttlSeconds !== undefined && { ttlSeconds: opened.ttlSeconds }),
      ...(opened.idempotency && { continuations: remember(found, opened, session, now()) }),
    });
  });
  return changed && session && { id: changed.id, session };
}

/** Whether a conversation is of the verified customer and the widget key of an open. */
function isSameCustomer(found: Conversation, { tenantId, keyId, customerId }: Conversation): boolean {
  return (
    found.tenantId === tenantId &&
    found.keyId === keyId &&
    found.customerVerified &&
    found.customerId === customerId
  );
}

/** Whether a conversation can still get a token. */
function isOngoing(deps: ContinueDeps, found: Conversation): boolean {
  return found.endedAt === undefined && tokenTimes(deps, found) !== undefined;
}

/** The conversation that an earlier try of this open continued, with the session that it answered. */
function findContinued(found: readonly Conversation[], { id }: Conversation): Conversation | undefined {
  for (const conversation of found) {
    const first = conversation.continuations?.find((one) => one.id === id);
    if (first) return { ...conversation, idempotency: first, session: first.session };
  }
  return undefined;
}

function withTtl(found: Conversation, { ttlSeconds }: Conversation): Conversation {
  return ttlSeconds === undefined ? found : { ...found, ttlSeconds };
}

/** The continuations of a conversation with one more, without those whose time is over. */
function remember(
  { continuations = [] }: Conversation,
  { id, idempotency }: Conversation,
  session: Conversation['session'],
  now: number,
): readonly Continuation[] | undefined {
  if (!idempotency) return continuations;
  const { requestHash } = idempotency;
  const until = Math.min(idempotency.until, session.exp * 1000);
  const kept = continuations.filter((one) => one.until > now);
  return [...kept, { id, requestHash, until, session }].slice(-MAX_CONTINUATIONS);
}
