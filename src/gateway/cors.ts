import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Exchange } from './endpoint.js';

/**
 * Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * Every answer lets the page's script read it, errors too: which origins may *use* a widget is checked with the
 * widget key, which a preflight does not carry. No credentials: nothing here works by cookies.
 */

const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'X-Request-Id',
  'traceparent',
  'Connect-Protocol-Version',
  'Connect-Timeout-Ms',
].join(', ');

const EXPOSED_HEADERS = ['Retry-After', 'WWW-Authenticate', 'X-Request-Id'].join(', ');

/** How long browsers may keep the answer to a preflight, in seconds. */
const MAX_AGE = '7200';

/** The headers that every answer carries. */
export function corsHeaders({ headers: { origin } }: IncomingMessage): OutgoingHttpHeaders {
  if (origin === undefined) return { Vary: 'Origin' };
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
  };
}

/** Answers OPTIONS: a preflight, for any origin, or a plain question for the methods (`GET, POST`) of a path. */
export function answerOptions({ request, response, headers }: Exchange, methods: string): void {
  const isPreflight = request.headers['access-control-request-method'] !== undefined;
  response.writeHead(204, {
    ...headers,
    Allow: `${methods}, OPTIONS`,
    ...(isPreflight && {
      'Access-Control-Allow-Methods': methods,
      'Access-Control-Allow-Headers': ALLOWED_HEADERS,
      'Access-Control-Max-Age': MAX_AGE,
    }),
  });
  response.end();
}
