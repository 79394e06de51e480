import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { Identity } from '../catalog/widget-view.js';
import type { Conversation } from '../conversations/conversation.js';
import { customerIdViolations } from '../conversations/rules.js';
import { ServiceError } from '../rpc/errors.js';

/** The customer of a conversation: the visitor whom the site knows, if any. */
export interface Customer {
  readonly id: string | undefined;
  /** Whether the site vouches for the id. */
  readonly verified: boolean;
}

/** The members of an OpenSession request that name the customer. Empty ones count as absent. */
export interface CustomerClaim {
  readonly customerId: string;
  readonly customerToken: string;
  /** Whether an engine caller vouches for the customer; never true on the chat surface. */
  readonly customerVerified?: boolean;
}

/** The settings and the time that a customer token is checked against. */
export interface CustomerCheck {
  readonly identity: Identity;
  /** The widget key's id, which must be the token's `aud`. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How far in the future `exp` may be, in seconds. */
const MAX_LIFE_SECONDS = 24 * 60 * 60;
/** The clock tolerance for `nbf` and `iat`, in seconds. `exp` has none, so it does not extend a token's life. */
const MAX_CLOCK_SKEW_SECONDS = 60;
/** A compact JWS (RFC 7515, 3.1) with a signature: base64url without padding. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Finds out the customer of an OpenSession request, and verifies the customer token where the widget key's identity mode
 * asks for it. In the mode `off` a token is ignored, and the customer id is whatever the browser sent. A customer whom an
 * engine caller vouches for is verified in every mode.
 *
 * @throws ServiceError identity_not_verified; Error when the key's identity secret cannot be decrypted
 */
export async function resolveCustomer(claim: CustomerClaim, check: CustomerCheck): Promise<Customer> {
  const { customerId, customerToken, customerVerified = false } = claim;
  if (customerVerified) return { id: customerId, verified: true };
  const { identity } = check;
  const unverified = { id: customerId || undefined, verified: false };
  if (identity.mode === 'off' || (identity.mode === 'optional' && customerToken === '')) return unverified;
  // Checked before the secret is decrypted, so that a malformed token is the caller's error even when decryption fails.
  if (!COMPACT_JWS.test(customerToken)) throw notVerified();
  const id = await verify(customerToken, await identity.key(), check);
  if (id === undefined || (customerId !== '' && customerId !== id)) throw notVerified();
  return { id, verified: true };
}

/**
 * Finds out who logs in with a RefreshSession request; undefined when nobody does, and where the widget key does not verify
 * customers. No token is needed in any mode: the session token is proof enough for a refresh.
 *
 * @throws ServiceError identity_not_verified; Error when the key's identity secret cannot be decrypted
 */
export async function loggedInCustomer(token: string, check: CustomerCheck): Promise<Customer | undefined> {
  if (token === '') return undefined;
  const customer = await resolveCustomer({ customerId: '', customerToken: token }, check);
  return customer.verified ? customer : undefined;
}

/**
 * Requires that a conversation does not belong to another verified customer than the one who logs in.
 *
 * @throws ServiceError identity_not_verified
 */
export function requireSameCustomer(
  conversation: Conversation,
  customer: Customer | undefined,
): Conversation {
  const { customerId, customerVerified } = conversation;
  if (customer && customerVerified && customerId !== customer.id) throw notVerified();
  return conversation;
}

/** Verifies a customer token (RFC 7519, RFC 8725). @returns its `sub`; undefined when the token is invalid */
async function verify(token: string, key: KeyObject, check: CustomerCheck): Promise<string | undefined> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      audience: check.keyId,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(check.now),
      clockTolerance: MAX_CLOCK_SKEW_SECONDS,
    });
    const { sub, exp = 0, iat = 0 } = payload;
    const now = Math.floor(check.now / 1000);
    if (protectedHeader.crit !== undefined || iat > now + MAX_CLOCK_SKEW_SECONDS) return undefined;
    if (exp <= now || exp > now + MAX_LIFE_SECONDS) return undefined;
    return isCustomerId(sub) ? sub : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** Whether `sub`, which may be any JSON value, is a valid customer id. A string may hold a lone surrogate. */
function isCustomerId(sub: unknown): sub is string {
  return (
    typeof sub === 'string' && sub !== '' && sub.isWellFormed() && customerIdViolations(sub).length === 0
  );
}

/** The same error for every reason: a forger learns nothing, and a client has to do the same in every case. */
function notVerified(): ServiceError {
  return new ServiceError(
    'identity_not_verified',
    'The customer is not verified: send a customerToken that the site has just signed for this customer and widget.',
  );
}
