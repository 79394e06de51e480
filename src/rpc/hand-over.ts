/** The outcome of sending one answer of a stream. Only after `taken` is it certain that the network has the answer. */
export type HandOverOutcome = 'taken' | 'stalled' | 'aborted';

/**
 * Sends one answer of a stream and waits until it is taken (backpressure): for at most `maxStallMs`, or until `signal`
 * is aborted.
 *
 * @throws what `send` rejects with
 */
export function handOver(
  send: () => Promise<void>,
  signal: AbortSignal,
  maxStallMs: number,
): Promise<HandOverOutcome> {
  if (signal.aborted) return Promise.resolve('aborted');
  let settle: (outcome: HandOverOutcome) => void = () => {};
  const ended = new Promise<HandOverOutcome>((resolve) => {
    settle = resolve;
  });
  const timer = setTimeout(() => settle('stalled'), maxStallMs).unref();
  const abort = () => settle('aborted');
  signal.addEventListener('abort', abort);
  // The race also handles a rejection of `send` that comes after the timeout or the abort: unhandled, it would end the
  // process.
  return Promise.race([send().then(() => 'taken' as const), ended]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  });
}
