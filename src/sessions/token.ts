import { LRUCache } from 'lru-cache';
import { UUID } from '../conversations/uuid.js';
import { hmacSha256 } from '../crypto/hmac.js';
import { isSameText } from '../crypto/same-text.js';
import { ServiceError } from '../rpc/errors.js';

/** The claims of a session token (RFC 7519). Browsers can read it, so it has no customer id and no variables. */
export interface SessionClaims {
  /** The claim `sub`. */
  readonly conversationId: string;
  /** The claim `tid`. */
  readonly tenantId: string;
  /** The claim `key`: the widget key's id, not the public key itself. */
  readonly keyId: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  /** Seconds since the epoch. */
  readonly exp: number;
}

/** A signing key: its id and a secret of at least 32 bytes (RFC 7518, 3.2). */
export interface SigningKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** `iss` of every token. */
export const TOKEN_ISSUER = 'chatsessions';
/** `aud` of every token. */
export const TOKEN_AUDIENCE = 'chatsessions';
/** `typ` of every token (RFC 8725, 3.11), so that another kind of JWT signed with the same secret is refused. */
export const TOKEN_TYPE = 'chat-session+jwt';

/** The largest SESSION_TTL and `ttl`, in seconds: this service issues no token that lives longer. */
export const MAX_TOKEN_LIFE_SECONDS = 24 * 60 * 60;
/** How far the clocks of two processes may differ, in seconds. */
const MAX_CLOCK_SKEW_SECONDS = 60;
/** The longest token that is parsed, in characters; this service's tokens have some 400. */
const MAX_TOKEN_LENGTH = 1024;
/** How many verified tokens are cached: some 6 MB. */
const MAX_KNOWN = 10_000;

/** Signs and verifies session tokens: compact JWS (RFC 7515), HS256. The first key of the keyring signs, all verify. */
export interface SessionTokens {
  /** Signs a token. It is deterministic, so that a retried OpenSession gets the same token. */
  readonly sign: (claims: SessionClaims) => string;
  /**
   * Verifies a token and returns its claims. A token that expired less than `graceSeconds` ago is accepted.
   *
   * @throws ServiceError invalid_session_token; with the cause `expired` when the token is valid but for its age
   */
  readonly verify: (token: string, nowMs: number, graceSeconds?: number) => SessionClaims;
}

/** Creates the session tokens of a keyring. */
export function createSessionTokens(keyring: readonly [SigningKey, ...SigningKey[]]): SessionTokens {
  const keys = keyring.map(({ kid, secret }) => ({
    header: base64url(JSON.stringify({ alg: 'HS256', typ: TOKEN_TYPE, kid })),
    signatureOf: hmacSha256(secret),
  }));
  const [first] = keys;
  if (first === undefined) throw new Error('no signing key');
  const signatures = new Map(keys.map(({ header, signatureOf }) => [header, signatureOf]));
  /** Caches verified tokens: each comes again with its visitor's next message, and verifying it takes 4 µs. */
  const known = new LRUCache<string, SessionClaims>({ max: MAX_KNOWN });

  return {
    sign(claims) {
      const signed = `${first.header}.${payloadOf(claims)}`;
      return `${signed}.${first.signatureOf(signed)}`;
    },

    verify(token, nowMs, graceSeconds = 0) {
      let claims = known.get(token);
      if (claims === undefined) {
        claims = verifySignature(token);
        if (claims === undefined) throw invalidToken();
        known.set(token, claims);
      }
      const now = Math.floor(nowMs / 1000);
      if (claims.iat > now + MAX_CLOCK_SKEW_SECONDS) throw invalidToken();
      if (now >= claims.exp + graceSeconds) {
        throw new ServiceError('invalid_session_token', 'The session token has expired.', {
          cause: 'expired',
        });
      }
      return claims;
    },
  };

  /** The claims of a token with a valid signature, whatever its age; undefined for any other text. */
  function verifySignature(token: string): SessionClaims | undefined {
    const headerEnd = token.indexOf('.');
    const payloadEnd = token.lastIndexOf('.');
    // The header must equal one of this keyring's headers as text. So no attacker-controlled `alg`, `typ` or `kid` is
    // parsed before the signature is verified.
    const signatureOf =
      token.length <= MAX_TOKEN_LENGTH ? signatures.get(token.slice(0, headerEnd)) : undefined;
    const signature = signatureOf?.(token.slice(0, payloadEnd));
    // Comparing the text, not the decoded bytes, rejects other base64url spellings of the same signature.
    if (signature === undefined || !isSameText(signature, token.slice(payloadEnd + 1))) return undefined;
    return claimsOf(token.slice(headerEnd + 1, payloadEnd));
  }
}

/** The error of an invalid token. It is the same for every reason except its age. */
export function invalidToken(): ServiceError {
  return new ServiceError(
    'invalid_session_token',
    'The session token is not valid, or its session has ended.',
  );
}

const JTI = /^[A-Za-z0-9_-]+$/;
const FIXED_CLAIMS = `{"iss":"${TOKEN_ISSUER}","aud":"${TOKEN_AUDIENCE}",`;

/** Encodes claims as the payload of a token, always with the same members in the same order. */
function payloadOf({ conversationId, tenantId, keyId, jti, iat, exp }: SessionClaims): string {
  // UUIDs and base64url need no JSON escapes, and a template costs half of JSON.stringify.
  return base64url(
    `${FIXED_CLAIMS}"sub":"${conversationId}","tid":"${tenantId}","key":"${keyId}","jti":"${jti}","iat":${iat},"exp":${exp}}`,
  );
}

/**
 * The claims of a signed payload; undefined when `sign` would not have made it. A valid signature is not proof enough,
 * since other programs may use the same secret.
 */
function claimsOf(payload: string): SessionClaims | undefined {
  const json = Buffer.from(payload, 'base64url').toString();
  const { sub, tid, key, jti, iat, exp } = parseObject(json) ?? {};
  if (!isUuid(sub) || !isUuid(tid) || !isUuid(key) || !isJti(jti)) return undefined;
  if (!isSeconds(iat) || !isSeconds(exp) || exp <= iat || exp > iat + MAX_TOKEN_LIFE_SECONDS)
    return undefined;
  const claims = { conversationId: sub, tenantId: tid, keyId: key, jti, iat, exp };
  // The payload, like the header, must equal what this service would have written. With duplicate or additional members
  // two readers could understand two different things. So a new claim has to be accepted by all processes before any of
  // them signs it.
  return payloadOf(claims) === payload ? claims : undefined;
}

function parseObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

function isJti(value: unknown): value is string {
  return typeof value === 'string' && JTI.test(value);
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Encodes ASCII text as base64url. */
function base64url(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url');
}
