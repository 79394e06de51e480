import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorTable } from '../rpc/errors.js';

/** How long a client may take to close its side when it is refused, in ms; closed at once, it may not get to read why. */
const LINGER_MS = 1_000;

/** Why there is no request to answer. */
export interface BrokenRequest {
  readonly code: ErrorCode;
  readonly message: string;
}

const BROKEN: Readonly<Record<string, BrokenRequest>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request_timeout', message: 'The request took too long to arrive.' },
  HPE_HEADER_OVERFLOW: { code: 'headers_too_large', message: 'The headers of the request are too large.' },
};
const MALFORMED: BrokenRequest = {
  code: 'invalid_input',
  message: 'This is not a well-formed HTTP request.',
};

/** What Node's parser complains of, by its error code. */
export function brokenRequest(nodeCode: string | undefined): BrokenRequest {
  return BROKEN[nodeCode ?? ''] ?? MALFORMED;
}

/** Answers what is no HTTP request, or did not arrive in time, and closes: Node has no response object for these. */
export function refuseBroken(socket: Socket, { code, message }: BrokenRequest): void {
  const body = JSON.stringify({ error: code, message, details: {} });
  const { http } = errorTable[code];
  socket.end(
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nDate: ${new Date().toUTCString()}\r\n` +
      // There is no Origin to reflect: the request was never read. Nothing in this answer is anybody's secret.
      'Access-Control-Allow-Origin: *\r\nVary: Origin\r\nCache-Control: no-store\r\n' +
      'Content-Type: application/json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => setTimeout(() => socket.destroy(), LINGER_MS).unref(),
  );
}
