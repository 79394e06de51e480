/** How long something may take that is waited for, in ms. */
const PATIENCE_MS = 8_000;

/** Waits until something is so. @throws Error when it takes longer than `patienceMs`: 8 s unless given */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
