import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** The size of the pool. One call to the system costs as much for 16 bytes as for thousands. */
const POOL_BYTES = 8 * 1024;

/**
 * Creates a pooled source of cryptographically secure random bytes, for ids and token ids. No byte is handed out twice.
 *
 * The result is a view into the pool and is valid only until the pool is refilled: use or copy it at once.
 */
export function createRandomSource(fill: (pool: Buffer) => void = randomFillSync): (size: number) => Buffer {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (size) => {
    if (used + size > POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    used += size;
    return pool.subarray(used - size, used);
  };
}

/** Creates a source of UUIDv7 (RFC 9562, section 5.7). @param random of {@link createRandomSource} */
export function createUuidSource(random: (size: number) => Buffer): () => string {
  return () => v7({ random: random(16) });
}
