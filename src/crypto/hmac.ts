import { createHmac, hash } from 'node:crypto';

/** The block size of SHA-256. */
const BLOCK_BYTES = 64;
/**
 * The longest text for the preallocated buffer, in UTF-16 code units of at most 3 bytes each: longer than any session
 * token. Longer texts are signed with an Hmac object of node:crypto.
 */
const MAX_TEXT = 1_300;

/**
 * Creates the HMAC-SHA-256 (RFC 2104) of one secret: a function from text to base64url. It computes the definition with
 * two plain hashes, which takes 1.5 µs for a token; an Hmac object of node:crypto takes 4.3 µs.
 */
export function hmacSha256(secret: Uint8Array): (text: string) => string {
  const key = secret.length > BLOCK_BYTES ? hash('sha256', secret, 'buffer') : secret;
  const inner = Buffer.alloc(BLOCK_BYTES + 3 * MAX_TEXT);
  const outer = Buffer.alloc(BLOCK_BYTES + 32);
  for (let index = 0; index < BLOCK_BYTES; index++) {
    const byte = key[index] ?? 0;
    inner.writeUInt8(byte ^ 0x36, index);
    outer.writeUInt8(byte ^ 0x5c, index);
  }

  return (text) => {
    if (text.length > MAX_TEXT) return createHmac('sha256', secret).update(text).digest('base64url');
    const end = BLOCK_BYTES + inner.write(text, BLOCK_BYTES);
    // A binary string of 32 bytes is cheaper to create than a Buffer.
    outer.write(hash('sha256', inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}
