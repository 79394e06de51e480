import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Exchange } from './endpoint.js';

/**
 * Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * Scripts of any origin may read every answer, errors too. Which origins may *use* a widget is decided with the widget
 * key, which a preflight does not carry. Credentials are not allowed, since nothing here uses cookies.
 */

const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'X-Request-Id',
  'traceparent',
  'tracestate',
  'baggage',
  'Connect-Protocol-Version',
  'Connect-Timeout-Ms',
].join(', ');

const EXPOSED_HEADERS = ['Retry-After', 'WWW-Authenticate', 'X-Request-Id'].join(', ');

/** How long browsers may keep the answer to a preflight, in seconds. */
const MAX_AGE = '7200';

/** The CORS headers of every answer but a preflight's. */
export function corsHeaders({ headers: { origin } }: IncomingMessage): OutgoingHttpHeaders {
  if (origin === undefined) return { Vary: 'Origin' };
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
  };
}

/** Answers OPTIONS with the methods of a path (`GET, POST`), be it a preflight, of any origin, or not. */
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
