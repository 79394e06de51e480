import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

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

/** Signs session tokens with the first key of a keyring. */
export interface TokenSigner {
  /** A compact JWS (RFC 7515), HS256. The same claims give the same token. */
  readonly sign: (claims: SessionClaims) => string;
}

export function createTokenSigner([first]: readonly [SigningKey, ...SigningKey[]]): TokenSigner {
  const key: KeyObject = createSecretKey(first.secret);
  const header = base64url(JSON.stringify({ alg: 'HS256', typ: TOKEN_TYPE, kid: first.kid }));
  const fixedClaims = `{"iss":"${TOKEN_ISSUER}","aud":"${TOKEN_AUDIENCE}",`;

  return {
    sign({ conversationId, tenantId, keyId, jti, iat, exp }) {
      // Ids are UUIDs and base64url: nothing in them needs an escape, and a template costs half of JSON.stringify.
      const payload = base64url(
        `${fixedClaims}"sub":"${conversationId}","tid":"${tenantId}","key":"${keyId}","jti":"${jti}","iat":${iat},"exp":${exp}}`,
      );
      const signed = `${header}.${payload}`;
      return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
    },
  };
}

/** Of ASCII text. */
function base64url(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url');
}
