/** The most memory that large answers may take until their clients have read them, in bytes. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** Smaller answers are not counted: their number is bounded with the connections. */
const MIN_COUNTED_BYTES = 64 * 1024;

/** A response, as far as it is needed here. */
interface Response {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

/**
 * Bounds the memory of answers that wait for slow clients. A refusal lists all broken rules, so it can take 40 times the
 * memory of its request. When all large answers take more than `maxBytes`, the connection of the oldest one is closed:
 * a client that reads at once never has the oldest.
 *
 * @returns a function to be called with each answer and its size in bytes, once it is written
 */
export function createUnreadAnswers(
  maxBytes = MAX_UNREAD_BYTES,
): (response: Response, bytes: number) => void {
  const unread = new Map<Response, number>();
  let held = 0;

  function release(response: Response): void {
    held -= unread.get(response) ?? 0;
    unread.delete(response);
  }

  return (response, bytes) => {
    if (!(bytes >= MIN_COUNTED_BYTES)) return;
    unread.set(response, bytes);
    held += bytes;
    // It comes when the operating system has all of the answer, or the connection is gone.
    response.once('close', () => release(response));
    for (const [oldest] of unread) {
      if (held <= maxBytes || oldest === response) return;
      release(oldest);
      oldest.destroy();
    }
  };
}
