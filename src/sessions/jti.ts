/**
 * Token ids (`jti`, RFC 7519, 4.1.7). Each begins with the id of the token that its session was opened with. A reused
 * idempotency key can recreate an erased conversation under the same id; the `jti` tells whose token it is, to the
 * letter. No time does: both may be opened in one second, by processes whose clocks differ.
 */

/** The length of a random part, and of a whole `jti` made before openings were marked. */
const RANDOM_LENGTH = 22;
/** Ends the `jti` of an opening. It is one of base64url, which is all that earlier versions take for a `jti`. */
const MARK = '-';

/** The `jti` of a session's first token. @param random 128 bits, base64url */
export function openingJti(random: string): string {
  return `${random}${MARK}`;
}

/** The `jti` of a token that a refresh gives out. @param opening that of the session's first token */
export function refreshedJti(opening: string, random: string): string {
  return `${opening}${random}`;
}

/** Whether a token goes back to this opening. Times are in seconds since the epoch. */
export function isOfOpening(
  token: { readonly jti: string; readonly iat: number },
  opening: { readonly jti: string; readonly iat: number },
): boolean {
  if (token.jti.startsWith(opening.jti)) return true;
  // A refresh by an earlier version gave out a bare random id, which says nothing: such tokens are told apart by their
  // second alone, for as long as they last (SESSION_TTL + RESUME_WINDOW).
  return token.jti.length === RANDOM_LENGTH && token.iat >= opening.iat;
}
