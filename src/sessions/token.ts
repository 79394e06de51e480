import { UUID } from '../conversations/uuid.js';
import { hmacSha256 } from '../crypto/hmac.js';
import { isSameText } from '../crypto/same-text.js';
import { ServiceError } from '../rpc/errors.js';

/** What a session token says (RFC 7519). It lives in browsers: no customer id, no variables. */
export interface SessionClaims {
  /** `sub`: the conversation. */
  readonly conversationId: string;
  /** `tid` */
  readonly tenantId: string;
  /** `key`: the id of the widget key, not its value. */
  readonly keyId: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  /** Seconds since the epoch. */
  readonly exp: number;
}

/** A signing key: its id, and at least 32 bytes of secret (RFC 7518, 3.2). */
export interface SigningKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** `iss` of every token. */
export const TOKEN_ISSUER = 'chatsessions';
/** `aud` of every token. */
export const TOKEN_AUDIENCE = 'chatsessions';
/** `typ` of every token (RFC 8725, 3.11), so that no other JWT of the same secret passes for one. */
export const TOKEN_TYPE = 'chat-session+jwt';

/** The longest that SESSION_TTL may be, in seconds: nothing that lives longer was made here. */
const MAX_TOKEN_LIFE = 24 * 60 * 60;
/** How far the clocks of two processes may be apart, in seconds. */
const MAX_CLOCK_SKEW = 60;
/** Ours have some 400 characters. */
const MAX_TOKEN_LENGTH = 1024;
/** How many good tokens are kept: some 6 MB. */
const MAX_KNOWN = 10_000;

/** Session tokens: compact JWS (RFC 7515), HS256. The first key of the keyring signs, all verify. */
export interface SessionTokens {
  /** The same claims give the same token. */
  readonly sign: (claims: SessionClaims) => string;
  /**
   * What a good token says. One that expired less than `graceSeconds` ago is good too.
   *
   * @throws ServiceError invalid_session_token; with the cause `expired` when nothing else is wrong with it
   */
  readonly verify: (token: string, nowMs: number, graceSeconds?: number) => SessionClaims;
}

/** Session tokens of a keyring: its first key signs. */
export function createSessionTokens(keyring: readonly [SigningKey, ...SigningKey[]]): SessionTokens {
  const keys = keyring.map(({ kid, secret }) => ({
    header: base64url(JSON.stringify({ alg: 'HS256', typ: TOKEN_TYPE, kid })),
    signatureOf: hmacSha256(secret),
  }));
  const [first] = keys;
  if (first === undefined) throw new Error('no signing key');
  const signatures = new Map(keys.map(({ header, signatureOf }) => [header, signatureOf]));
  /** Tokens that were good: each comes again with its visitor's next message, and finding out takes 4 µs. */
  const known = new Map<string, SessionClaims>();

  return {
    sign(claims) {
      const signed = `${first.header}.${payloadOf(claims)}`;
      return `${signed}.${first.signatureOf(signed)}`;
    },

    verify(token, nowMs, graceSeconds = 0) {
      let claims = known.get(token);
      if (claims === undefined) {
        claims = read(token);
        if (claims === undefined) throw invalidToken();
        if (known.size === MAX_KNOWN) known.clear();
        known.set(token, claims);
      }
      const now = Math.floor(nowMs / 1000);
      if (claims.iat > now + MAX_CLOCK_SKEW) throw invalidToken();
      if (now >= claims.exp + graceSeconds) {
        throw new ServiceError('invalid_session_token', 'The session token has expired.', {
          cause: 'expired',
        });
      }
      return claims;
    },
  };

  /** What a rightly signed token says, whatever the time is; undefined when it is not one of ours. */
  function read(token: string): SessionClaims | undefined {
    const headerEnd = token.indexOf('.');
    const payloadEnd = token.lastIndexOf('.');
    // A header is one of ours to the letter, or the token is not ours: nothing of it is parsed (`alg`, `typ`, `kid`)
    // before its signature is known to be good.
    const signatureOf =
      token.length <= MAX_TOKEN_LENGTH ? signatures.get(token.slice(0, headerEnd)) : undefined;
    const signature = signatureOf?.(token.slice(0, payloadEnd));
    // Compared as text, so that one signature has one spelling.
    if (signature === undefined || !isSameText(signature, token.slice(payloadEnd + 1))) return undefined;
    return claimsOf(token.slice(headerEnd + 1, payloadEnd));
  }
}

/** The error of a token that is not good, for whatever reason but its age. */
export function invalidToken(): ServiceError {
  return new ServiceError(
    'invalid_session_token',
    'The session token is not valid, or its session has ended.',
  );
}

const JTI = /^[A-Za-z0-9_-]+$/;
const FIXED_CLAIMS = `{"iss":"${TOKEN_ISSUER}","aud":"${TOKEN_AUDIENCE}",`;

/** The second part of a token: the same claims give the same text. */
function payloadOf({ conversationId, tenantId, keyId, jti, iat, exp }: SessionClaims): string {
  // Ids are UUIDs and base64url: nothing in them needs an escape, and a template costs half of JSON.stringify.
  return base64url(
    `${FIXED_CLAIMS}"sub":"${conversationId}","tid":"${tenantId}","key":"${keyId}","jti":"${jti}","iat":${iat},"exp":${exp}}`,
  );
}

/** The claims of a signed payload; undefined when it is not what `sign` makes: others may have the same secret. */
function claimsOf(payload: string): SessionClaims | undefined {
  const json = Buffer.from(payload, 'base64url').toString();
  const { sub, tid, key, jti, iat, exp } = parseObject(json) ?? {};
  if (!isUuid(sub) || !isUuid(tid) || !isUuid(key) || !isJti(jti)) return undefined;
  if (!isSeconds(iat) || !isSeconds(exp) || exp <= iat || exp > iat + MAX_TOKEN_LIFE) return undefined;
  const claims = { conversationId: sub, tenantId: tid, keyId: key, jti, iat, exp };
  // Ours to the letter, as the header: with members given twice or beside ours, two readers could understand two
  // things. So whoever adds a claim has to let all processes know it before one of them signs it.
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

/** Of ASCII text. */
function base64url(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url');
}
