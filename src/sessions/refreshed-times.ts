import type { Conversation } from '../conversations/conversation.js';
import { ServiceError } from '../rpc/errors.js';

/** The clock and the settings of refreshed tokens. */
export interface RefreshDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a token lasts, unless the conversation says otherwise. */
  readonly sessionTtlSeconds: number;
  /** How long after its expiry a token can still be refreshed. */
  readonly resumeWindowSeconds: number;
  /** How long after the opening every token has expired, refreshed or not. */
  readonly sessionMaxAgeSeconds: number;
}

/** The `iat` and `exp` of a token, in seconds since the epoch. */
export interface TokenTimes {
  readonly iat: number;
  readonly exp: number;
}

/**
 * The `iat` and `exp` of a token that is issued now for a refresh. No token outlives `sessionMaxAgeSeconds`, so that a
 * stolen one cannot be refreshed for ever.
 *
 * @throws ServiceError invalid_session_token with the cause `expired`
 */
export function refreshedTimes(
  deps: Omit<RefreshDeps, 'resumeWindowSeconds'>,
  conversation: Conversation,
): TokenTimes {
  const times = tokenTimes(deps, conversation);
  if (times) return times;
  throw new ServiceError('invalid_session_token', 'The session is too old to be refreshed; open a new one.', {
    cause: 'expired',
  });
}

/** {@link refreshedTimes}, but undefined when the conversation is too old for another token. */
export function tokenTimes(
  { now, sessionTtlSeconds, sessionMaxAgeSeconds }: Omit<RefreshDeps, 'resumeWindowSeconds'>,
  { createdAt, session, ttlSeconds = sessionTtlSeconds }: Conversation,
): TokenTimes | undefined {
  // Not before the opening, whose process may have had a faster clock: earlier versions refuse a token with an older iat.
  const iat = Math.max(Math.floor(now() / 1000), session.iat);
  const last = Math.floor(createdAt / 1000) + sessionMaxAgeSeconds;
  return iat < last ? { iat, exp: Math.min(iat + ttlSeconds, last) } : undefined;
}
