/** Told of each answer: its status, and whether its connection ends with it. */
export type OnAnswer = (status: number, isLast: boolean) => void;

interface Answer {
  /** In bytes, with its headers. */
  readonly length: number;
  readonly status: number;
  readonly isLast: boolean;
}

const NOTHING: Buffer = Buffer.alloc(0);
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked\r\n/i;
const CLOSE = /\r\nconnection: *close\r\n/i;

/**
 * Reads the answers of one HTTP/1.1 connection (RFC 9112) and throws their bodies away: of a known length, or in
 * chunks without trailers. One whose body ends with its connection counts as complete once its headers are there.
 *
 * @returns what is given the bytes as they come
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
function firstAnswer(bytes: Buffer): Answer | undefined {
  const headLength = bytes.indexOf('\r\n\r\n') + 4;
  if (headLength < 4) return undefined;
  const head = bytes.toString('latin1', 0, headLength);
  const status = Number(head.slice(9, 12));
  const [, bodyLength] = CONTENT_LENGTH.exec(head) ?? [];
  let length: number | undefined = headLength;
  let isLast = CLOSE.test(head);
  if (bodyLength !== undefined) length += Number(bodyLength);
  else if (CHUNKED.test(head)) length = endOfChunks(bytes, headLength);
  else if (status !== 204 && status !== 304) isLast = true;
  if (length === undefined || bytes.length < length) return undefined;
  return { length, status, isLast };
}

/** Where a body in chunks ends; undefined while that cannot be seen. */
function endOfChunks(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (size === 0) return at;
  }
}
