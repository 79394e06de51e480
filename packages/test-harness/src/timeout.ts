// Kept from before any test can put a fake clock in their place.
const { setTimeout, clearTimeout } = globalThis;

/** Runs `body`; rejects when it throws, rejects, or takes longer than `timeoutMs` milliseconds. */
export async function withTimeout(timeoutMs: number, body: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([body(), expired]);
  } finally {
    clearTimeout(timer);
  }
}
