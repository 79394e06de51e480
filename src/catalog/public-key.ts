/** A publishable widget key. */
export const PUBLIC_KEY = /^pk_live_[a-f0-9]{32}$/;

/** Makes a widget key of 16 random bytes. */
export function newPublicKey(randomBytes: (size: number) => Buffer): string {
  return `pk_live_${randomBytes(16).toString('hex')}`;
}
