import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { Identity } from '../catalog/widget-view.js';
import { customerIdViolations } from '../conversations/rules.js';
import { ServiceError } from '../rpc/errors.js';

/** Who is in front of a widget. */
export interface Customer {
  readonly id: string | undefined;
  /** Whether the site vouches for the id. */
  readonly verified: boolean;
}

/** What an open says of its customer; empty members count as absent. */
export interface CustomerClaim {
  readonly customerId: string;
  readonly customerToken: string;
}

/** What a customer token is checked against. */
export interface CustomerCheck {
  readonly identity: Identity;
  /** The widget key's id: `aud`. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How far ahead `exp` may be, in seconds. */
const MAX_LIFE = 24 * 60 * 60;
/** How far the site's clock may be ahead of ours, in seconds; it lengthens no token's life. */
const MAX_CLOCK_SKEW = 60;
/** A compact JWS (RFC 7515, 3.1) with a signature: base64url without padding. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The customer of an open. Where the widget key verifies nobody, a token is ignored and the id is what the browser
 * says.
 *
 * @throws ServiceError identity_not_verified; Error when the key's identity secret cannot be opened
 */
export async function customerOf(claim: CustomerClaim, check: CustomerCheck): Promise<Customer> {
  const { customerId, customerToken } = claim;
  const { identity } = check;
  const unverified = { id: customerId || undefined, verified: false };
  if (identity.mode === 'off' || (identity.mode === 'optional' && customerToken === '')) return unverified;
  // Before the key: what is no token at all is refused even when the key's secret cannot be opened.
  if (!COMPACT_JWS.test(customerToken)) throw notVerified();
  const id = await verify(customerToken, await identity.key(), check);
  if (id === undefined || (customerId !== '' && customerId !== id)) throw notVerified();
  return { id, verified: true };
}

/** `sub` of a JWT (RFC 7519, RFC 8725) that is good in every way; undefined for any other text. */
async function verify(token: string, key: KeyObject, check: CustomerCheck): Promise<string | undefined> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      audience: check.keyId,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(check.now),
      clockTolerance: MAX_CLOCK_SKEW,
    });
    const { sub, exp = 0, iat = 0 } = payload;
    const now = Math.floor(check.now / 1000);
    if (protectedHeader.crit !== undefined || iat > now + MAX_CLOCK_SKEW) return undefined;
    if (exp <= now || exp > now + MAX_LIFE) return undefined;
    return isCustomerId(sub) ? sub : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** `sub` may be any JSON value, and a string with half of a surrogate pair. */
function isCustomerId(sub: unknown): sub is string {
  return (
    typeof sub === 'string' && sub !== '' && sub.isWellFormed() && customerIdViolations(sub).length === 0
  );
}

/** One answer, whatever is wrong: a forger learns nothing, and a good client does the same in every case. */
function notVerified(): ServiceError {
  return new ServiceError(
    'identity_not_verified',
    'The customer is not verified: send a customerToken that the site has just signed for this customer and widget.',
  );
}
