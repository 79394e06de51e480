/** How long something may take that is waited for, in ms. */
const PATIENCE_MS = 8_000;

/** Waits until something is so. @throws Error when it takes 8 s */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
