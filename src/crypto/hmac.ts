import { createHmac, hash } from 'node:crypto';

/** SHA-256 takes its input in blocks of so many bytes. */
const BLOCK_BYTES = 64;
/**
 * The longest text that is signed in the memory kept for it, in UTF-16 units of at most 3 bytes each: longer than any
 * session token. Others are left to node:crypto.
 */
const MAX_TEXT = 1_300;

/**
 * HMAC-SHA-256 (RFC 2104) with one secret: text in, base64url out. By its definition, as two plain hashes, since an
 * Hmac object of node:crypto costs three times as much as what it computes: 4.3 µs for a token, and this 1.5.
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
    // A string of 32 bytes costs less than a Buffer of them.
    outer.write(hash('sha256', inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}
