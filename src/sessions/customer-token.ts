import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { Identity } from '../catalog/widget-view.js';
import type { Conversation } from '../conversations/conversation.js';
import { customerIdViolations } from '../conversations/rules.js';
import { ServiceError } from '../rpc/errors.js';
import { CUSTOMER_REASONS, type CustomerReason } from './customer-reasons.js';

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
  /** The slug of the key's tenant, for the log. */
  readonly tenantSlug: string;
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
  if (claim.customerVerified) return { id: claim.customerId, verified: true };
  const { customer, reason } = await decideCustomer(claim, check);
  if (!customer) throw notVerified(reason, check);
  return customer;
}

/** Who the customer of an open is, or why the open is refused. */
export interface CustomerDecision {
  /** Undefined when the open is refused. */
  readonly customer?: Customer;
  readonly reason: CustomerReason;
}

/**
 * Decides what {@link resolveCustomer} answers, and why.
 *
 * @throws Error when the key's identity secret cannot be decrypted
 */
export async function decideCustomer(claim: CustomerClaim, check: CustomerCheck): Promise<CustomerDecision> {
  const { customerId, customerToken } = claim;
  const { identity } = check;
  const unverified = { id: customerId || undefined, verified: false };
  if (identity.mode === 'off') return { customer: unverified, reason: 'identity_off' };
  if (customerToken === '') {
    return identity.mode === 'optional'
      ? { customer: unverified, reason: 'unverified' }
      : { reason: 'token_missing' };
  }
  // Checked before the secret is decrypted, so that a malformed token is the caller's error even when decryption fails.
  if (!COMPACT_JWS.test(customerToken)) return { reason: 'token_malformed' };
  const verified = await verify(customerToken, await identity.key(), check);
  if (verified.reason !== 'verified') return verified;
  if (customerId !== '' && customerId !== verified.customer.id) return { reason: 'other_customer' };
  return verified;
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
  check: CustomerCheck,
): Conversation {
  const { customerId, customerVerified } = conversation;
  if (customer && customerVerified && customerId !== customer.id) throw notVerified('other_customer', check);
  return conversation;
}

type Verified = { readonly reason: 'verified'; readonly customer: Customer };
type Unverified = { readonly reason: Exclude<CustomerReason, 'verified'> };

/** Verifies a customer token (RFC 7519, RFC 8725). */
async function verify(token: string, key: KeyObject, check: CustomerCheck): Promise<Verified | Unverified> {
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
    if (protectedHeader.crit !== undefined) return { reason: 'token_malformed' };
    if (iat > now + MAX_CLOCK_SKEW_SECONDS) return { reason: 'not_yet_valid' };
    if (exp <= now) return { reason: 'expired' };
    if (exp > now + MAX_LIFE_SECONDS) return { reason: 'lives_too_long' };
    if (!isCustomerId(sub)) return { reason: 'invalid_subject' };
    return { reason: 'verified', customer: { id: sub, verified: true } };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { reason: reasonOf(error) };
    throw error;
  }
}

function reasonOf(error: errors.JOSEError): Exclude<CustomerReason, 'verified'> {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong_signature';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong_algorithm';
  if (error instanceof errors.JWTExpired) return 'expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'token_malformed';
  if (error.reason === 'missing') return 'claim_missing';
  if (error.claim === 'aud') return 'wrong_audience';
  return error.claim === 'nbf' ? 'not_yet_valid' : 'claim_missing';
}

/** Whether `sub`, which may be any JSON value, is a valid customer id. A string may hold a lone surrogate. */
function isCustomerId(sub: unknown): sub is string {
  return (
    typeof sub === 'string' && sub !== '' && sub.isWellFormed() && customerIdViolations(sub).length === 0
  );
}

/**
 * The same answer for every reason: a forger learns nothing, and a client has to do the same in every case. The reason
 * is logged.
 */
function notVerified(
  reason: CustomerReason,
  { keyId, tenantSlug }: Pick<CustomerCheck, 'keyId' | 'tenantSlug'>,
): ServiceError {
  return new ServiceError(
    'identity_not_verified',
    'The customer is not verified: send a customerToken that the site has just signed for this customer and widget.',
    {},
    undefined,
    () => ({ tenant: tenantSlug, widgetKeyId: keyId, reason, why: CUSTOMER_REASONS[reason] }),
  );
}
