import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { ServiceError } from '../rpc/errors.js';
import type { Exchange } from './endpoint.js';

/** Answers with a body that no cache may store: a session is its owner's only. */
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

/** Adds a header to those of an answer: beside the values that its name has already. */
export function addHeader({ headers }: Exchange, name: string, value: string): void {
  const earlier = headers[name];
  headers[name] = earlier === undefined ? value : [earlier, value].flat().map(String);
}

/** The headers that an error adds to its answer, on every HTTP transport. */
export function errorHeaders(
  { headers: { authorization } }: IncomingMessage,
  { code, details }: ServiceError,
): Record<string, string> {
  return {
    ...(details.retryAfterSeconds !== undefined && { 'Retry-After': String(details.retryAfterSeconds) }),
    // RFC 9110, section 12.5.3.
    ...(code === 'unsupported_encoding' && { 'Accept-Encoding': 'gzip' }),
    ...(code === 'invalid_session_token' && { 'WWW-Authenticate': challengeOf(authorization) }),
  };
}

/**
 * The challenge to a request without a good token (RFC 6750, section 3). It names an error only where the request had a
 * bearer token; otherwise a realm, because the scheme must have a parameter.
 */
function challengeOf(authorization: string | undefined): string {
  return /^Bearer /i.test(authorization ?? '')
    ? 'Bearer error="invalid_token"'
    : 'Bearer realm="chatsessions"';
}
