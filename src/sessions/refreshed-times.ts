import type { Conversation } from '../conversations/conversation.js';
import { ServiceError } from '../rpc/errors.js';

/** How long refreshed tokens last. Durations are in seconds. */
export interface RefreshDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a token lasts. */
  readonly sessionTtlSeconds: number;
  /** How long after its end a token can still be refreshed. */
  readonly resumeWindowSeconds: number;
  /** How long after the open the last token ends. */
  readonly sessionMaxAgeSeconds: number;
}

/**
 * The `iat` and `exp` of a token that is made now. A stolen one must not live for ever: there is a last one.
 *
 * @throws ServiceError invalid_session_token, expired
 */
export function refreshedTimes(
  { now, sessionTtlSeconds, sessionMaxAgeSeconds }: Omit<RefreshDeps, 'resumeWindowSeconds'>,
  { createdAt, session }: Conversation,
): { readonly iat: number; readonly exp: number } {
  // Never before the open, whose process may have a faster clock: earlier versions refuse such a token.
  const iat = Math.max(Math.floor(now() / 1000), session.iat);
  const last = Math.floor(createdAt / 1000) + sessionMaxAgeSeconds;
  if (iat < last) return { iat, exp: Math.min(iat + sessionTtlSeconds, last) };
  throw new ServiceError('invalid_session_token', 'The session is too old to be refreshed; open a new one.', {
    cause: 'expired',
  });
}
