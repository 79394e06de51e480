import { randomFillSync } from 'node:crypto';

/** Bytes that are fetched from the system at once: a call costs as much for 16 bytes as for thousands. */
const POOL_BYTES = 8 * 1024;

/**
 * A source of unguessable bytes, for ids and token ids. Every byte is given out once.
 *
 * The bytes are a view: valid until the pool is filled anew, so use or copy them at once.
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
