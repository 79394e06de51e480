import type { IncomingMessage, ServerResponse } from 'node:http';

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
export function setCorsHeaders(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
}

/** Answers OPTIONS: a preflight, for any origin, or a plain question for the methods of a path. */
export function answerOptions(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): void {
  if (request.headers['access-control-request-method'] !== undefined) {
    response.setHeader('Access-Control-Allow-Methods', methods.join(', '));
    response.setHeader('Access-Control-Allow-Headers', ALLOWED_HEADERS);
    response.setHeader('Access-Control-Max-Age', MAX_AGE);
  }
  response.setHeader('Allow', [...methods, 'OPTIONS'].join(', '));
  response.writeHead(204).end();
}
