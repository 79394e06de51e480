import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorTable } from '../rpc/errors.js';
import { lingerAndClose } from './linger.js';

/** How long a refused client may take to close its side, in ms. */
const LINGER_MS = 1_000;

/** The refusal of bytes that are no HTTP request. */
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

/** Makes a refusal of an error code of Node's HTTP parser. */
export function brokenRequest(nodeCode: string | undefined): BrokenRequest {
  return BROKEN[nodeCode ?? ''] ?? MALFORMED;
}

/** Writes a refusal to a socket and closes it. Node has no response object for a request that it could not parse. */
export function refuseBroken(socket: Socket, { code, message }: BrokenRequest): void {
  const body = JSON.stringify({ error: code, message, details: {} });
  const { http } = errorTable[code];
  lingerAndClose(socket, LINGER_MS);
  socket.write(
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nDate: ${new Date().toUTCString()}\r\n` +
      // Any origin may read it: the Origin header was not parsed, and the answer holds nothing secret.
      'Access-Control-Allow-Origin: *\r\nVary: Origin\r\nCache-Control: no-store\r\n' +
      'Content-Type: application/json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.destroySoon();
}
