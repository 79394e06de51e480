import type { OutgoingHttpHeaders } from 'node:http';
import type { ServiceError } from '../rpc/errors.js';
import type { Exchange } from './endpoint.js';

/** Answers with a body that nobody may keep: sessions are their owner's only. */
export function answer(
  { response, headers }: Exchange,
  status: number,
  mediaType: string,
  body: Uint8Array,
  more?: OutgoingHttpHeaders,
): void {
  headers['Content-Type'] = mediaType;
  headers['Content-Length'] = body.length;
  headers['Cache-Control'] = 'no-store';
  response.writeHead(status, more ? Object.assign(headers, more) : headers);
  response.end(body);
}

/** The headers that an error adds to its answer, on every HTTP transport. */
export function errorHeaders({ code, details }: ServiceError): Record<string, string> {
  return {
    ...(details.retryAfterSeconds !== undefined && { 'Retry-After': String(details.retryAfterSeconds) }),
    // RFC 6750, section 3.
    ...(code === 'invalid_session_token' && { 'WWW-Authenticate': 'Bearer error="invalid_token"' }),
  };
}
