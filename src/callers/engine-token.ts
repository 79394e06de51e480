import { tokenDigest } from './authenticate.js';

const HASH_PREFIX = 'sha256:';

/** Makes an engine token of 32 random bytes. The prefix is for scanners that look for leaked secrets. */
export function newEngineToken(randomBytes: (size: number) => Buffer): string {
  return `cse_${randomBytes(32).toString('base64url')}`;
}

/** The hash of a token as a callers file has it: `sha256:` and 64 hexadecimal digits. */
export function hashOfToken(token: string): string {
  return `${HASH_PREFIX}${tokenDigest(token).toString('hex')}`;
}

/** The digest that a hash of a callers file stands for. */
export function digestOfHash(hash: string): Buffer {
  return Buffer.from(hash.slice(HASH_PREFIX.length), 'hex');
}

/** Whether a bearer token can be this: it goes through metadata, and long enough not to be guessed. */
export function isEngineToken(text: string): boolean {
  return /^[\x21-\x7e]{16,4096}$/.test(text) && !text.includes(',');
}
