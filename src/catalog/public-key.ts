import type { Violation } from '../rpc/errors.js';

/** The pattern of a publishable widget key. */
export const PUBLIC_KEY = /^pk_live_[a-f0-9]{32}$/;

/** Generates a widget key of 16 random bytes. */
export function newPublicKey(randomBytes: (size: number) => Buffer): string {
  return `pk_live_${randomBytes(16).toString('hex')}`;
}

/** Checks the rule of the field `publicKey`. */
export function publicKeyViolations(publicKey: string): Violation[] {
  if (PUBLIC_KEY.test(publicKey)) return [];
  const message = 'publicKey must be pk_live_ followed by 32 lower-case hex digits.';
  return [{ field: 'publicKey', rule: 'public_key.pattern', message }];
}
