/** What became of an answer of a stream: only what is `taken` was certainly received by the network. */
export type HandedOver = 'taken' | 'stalled' | 'aborted';

/**
 * Hands one answer of a stream to its reader, and waits until it is taken: for at most `maxStallMs`, and no longer
 * than until `signal` is aborted.
 *
 * @throws what `send` rejects with
 */
export function handOver(
  send: () => Promise<void>,
  signal: AbortSignal,
  maxStallMs: number,
): Promise<HandedOver> {
  if (signal.aborted) return Promise.resolve('aborted');
  let settle: (outcome: HandedOver) => void = () => {};
  const ended = new Promise<HandedOver>((resolve) => {
    settle = resolve;
  });
  const timer = setTimeout(() => settle('stalled'), maxStallMs).unref();
  const abort = () => settle('aborted');
  signal.addEventListener('abort', abort);
  // The promise of a sending that is given up must not be left without somebody who listens: it may reject yet.
  return Promise.race([send().then(() => 'taken' as const), ended]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  });
}
