/** Told of each answer: its status, and whether its connection ends with it. */
export type OnAnswer = (status: number, isLast: boolean) => void;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads the answers of one HTTP/1.1 connection (RFC 9112) and throws their bodies away. It knows what servers send to
 * a load generator: lengths and chunks, no trailers, no bodies that end with the connection.
 *
 * @returns what is given the bytes as they come; it throws at what it does not know
 */
export function answerReader(onAnswer: OnAnswer): (chunk: Buffer) => void {
  let unread = NOTHING;
  return (chunk) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    for (let answer = firstAnswer(unread); answer; answer = firstAnswer(unread)) {
      unread = unread.subarray(answer.length);
      onAnswer(answer.status, answer.isLast);
    }
  };
}

/** The answer that the bytes begin with; undefined while it is not complete. */
function firstAnswer(bytes: Buffer): { length: number; status: number; isLast: boolean } | undefined {
  const headLength = bytes.indexOf('\r\n\r\n') + 4;
  if (headLength < 4) return undefined;
  const head = bytes.toString('latin1', 0, headLength);
  const status = Number(head.slice(9, 12));
  const length = bodyEnd(bytes, headLength, head, status);
  if (length === undefined || bytes.length < length) return undefined;
  return { length, status, isLast: /\r\nconnection: *close\r\n/i.test(head) };
}

/** Where the body ends; undefined while that cannot be seen. */
function bodyEnd(bytes: Buffer, start: number, head: string, status: number): number | undefined {
  if (status === 204 || status === 304) return start;
  const [, contentLength] = /\r\ncontent-length: *(\d+)\r\n/i.exec(head) ?? [];
  if (contentLength !== undefined) return start + Number(contentLength);
  if (!/\r\ntransfer-encoding: *chunked\r\n/i.test(head))
    throw new Error(`an answer without a length: ${head}`);
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (size === 0) return at;
  }
}
