import { tokenDigest } from './authenticate.js';

const HASH_PREFIX = 'sha256:';

/** Generates an engine token of 32 random bytes. Its prefix lets secret scanners find leaked tokens. */
export function newEngineToken(randomBytes: (size: number) => Buffer): string {
  return `cse_${randomBytes(32).toString('base64url')}`;
}

/** The hash of a token in the format of a callers file: `sha256:` and 64 hexadecimal digits. */
export function hashOfToken(token: string): string {
  return `${HASH_PREFIX}${tokenDigest(token).toString('hex')}`;
}

/** The digest (see {@link tokenDigest}) of a hash in the format of a callers file. */
export function digestOfHash(hash: string): Buffer {
  return Buffer.from(hash.slice(HASH_PREFIX.length), 'hex');
}

/**
 * Whether a text can be an engine token: printable ASCII, which gRPC metadata can carry, and long enough not to be
 * guessed. Commas are excluded because they separate the items of ENGINE_API_TOKENS and of repeated headers.
 */
export function isEngineToken(text: string): boolean {
  return /^[\x21-\x7e]{16,4096}$/.test(text) && !text.includes(',');
}
