/**
 * Token ids (`jti`, RFC 7519, 4.1.7). Each begins with the `jti` of its session's first token. A reused idempotency key
 * can recreate an erased conversation under the same id; the `jti` tells whether a token belongs to the erased or to the
 * new one. Times cannot tell: both may be opened within the same second, by processes whose clocks differ.
 */

/** The length of the random part. Earlier versions, which had no mark, issued a `jti` of only this part. */
const RANDOM_LENGTH = 22;
/** Ends the `jti` of a first token. It is a base64url character, since earlier versions accept no others in a `jti`. */
const MARK = '-';

/** Makes the `jti` of a session's first token. @param random 128 bits, base64url */
export function openingJti(random: string): string {
  return `${random}${MARK}`;
}

/** Makes the `jti` of a refreshed token. @param opening the `jti` of the session's first token */
export function refreshedJti(opening: string, random: string): string {
  return `${opening}${random}`;
}

/** Whether a token belongs to the session that was opened with the token `opening`. Times are in seconds. */
export function belongsToOpening(
  token: { readonly jti: string; readonly iat: number },
  opening: { readonly jti: string; readonly iat: number },
): boolean {
  if (token.jti.startsWith(opening.jti)) return true;
  // Earlier versions gave refreshed tokens a random `jti` without the opening's. Until the last of them has expired
  // (SESSION_TTL + RESUME_WINDOW after the update), such tokens are only compared by the second of their issue.
  return token.jti.length === RANDOM_LENGTH && token.iat >= opening.iat;
}
