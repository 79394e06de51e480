import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Call, requestIdOf } from '../rpc/call.js';
import { type ErrorCode, errorTable, ServiceError, toServiceError } from '../rpc/errors.js';
import { declaresTooLarge, discardBody } from './body.js';
import { answerOptions, corsHeaders } from './cors.js';
import type { Endpoint, Exchange } from './endpoint.js';
import { refuseRest } from './rest.js';

/** The gateway: the chat surface, on one `node:http` server. */
export interface Gateway {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /** Lets the requests under way finish for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** What the gateway is made of. */
export interface GatewayParts {
  readonly endpoints: readonly Endpoint[];
  readonly newRequestId: () => string;
  /** Told of what should not happen: an answer that could not be given. */
  readonly onError: (error: unknown) => void;
  /** How long a client may take for its headers and for its whole request, in ms. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

/** How often slow requests are looked for, in ms. */
const TIMEOUT_CHECK_MS = 500;
/** How often a closing server looks for connections that have become idle, in ms. */
const IDLE_SWEEP_MS = 20;

/** Makes the gateway; it listens when it is told to. */
export function createGateway(parts: GatewayParts): Gateway {
  const { newRequestId, onError, headersTimeoutMs = 5_000, requestTimeoutMs = 10_000 } = parts;
  const paths = groupByPath(parts.endpoints);
  let closing = false;

  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    onRequest,
  );
  // A client that asks before it sends a large body is told at once when the body is too large.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!declaresTooLarge(request)) response.writeContinue();
    onRequest(request, response);
  });
  server.on('clientError', refuseBroken);

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const requestId = requestIdOf(header(request, 'x-request-id'), newRequestId);
    const path = paths.get(pathOf(request));
    const endpoint = path?.endpoints.get(request.method ?? '');
    const headers = corsHeaders(request);
    headers['X-Request-Id'] = requestId;
    if (closing) headers['Connection'] = 'close';
    if (path && !endpoint) headers['Allow'] = `${path.methods}, OPTIONS`;
    const exchange: Exchange = { request, response, headers };
    if (path && request.method === 'OPTIONS') {
      answerOptions(exchange, path.methods);
      return;
    }
    const refuse = (thrown: unknown) => {
      const error = toServiceError(thrown);
      if (thrown !== error) onError(thrown);
      // When the requests that have arrived are read: answers that leave one after the other cost half of what they
      // cost with a reading in between.
      setImmediate(() => {
        if (!response.headersSent) (path?.refuse ?? refuseRest)(exchange, error);
        if (!request.complete) discardBody(request);
      });
    };
    if (!endpoint) {
      refuse(
        path
          ? new ServiceError('method_not_allowed', `This path takes ${path.methods}.`)
          : new ServiceError('not_found', 'There is nothing at this path.'),
      );
      return;
    }
    const call: Call = {
      surface: 'chat',
      transport: 'http',
      requestId,
      timeoutMs: Number.POSITIVE_INFINITY,
      header: (name) => header(request, name),
    };
    endpoint.serve(exchange, call).catch(refuse);
  }

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),

    close: (graceMs) =>
      new Promise((resolve) => {
        closing = true;
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // Node keeps a connection open that was in use when the server closed, and is idle by now.
        const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          resolve();
        });
      }),
  };
}

/** What there is at one path. */
interface Path {
  readonly endpoints: Map<string, Endpoint>;
  /** `GET, POST` */
  methods: string;
  readonly refuse: Endpoint['refuse'];
}

function groupByPath(endpoints: readonly Endpoint[]): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>();
  for (const endpoint of endpoints) {
    const path = paths.get(endpoint.path) ?? { endpoints: new Map(), methods: '', refuse: endpoint.refuse };
    path.endpoints.set(endpoint.method, endpoint);
    path.methods = [...path.endpoints.keys()].join(', ');
    paths.set(endpoint.path, path);
  }
  return paths;
}

/** The path that a request asks for, without its query. */
function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

const BROKEN: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive.'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers of the request are too large.'],
};

/** Answers what is no HTTP request, or did not arrive in time; Node has no response object for these. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, message] = BROKEN[error.code ?? ''] ?? [
    'invalid_input',
    'This is not a well-formed HTTP request.',
  ];
  const body = JSON.stringify({ error: code, message, details: {} });
  const { http } = errorTable[code];
  socket.end(
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nDate: ${new Date().toUTCString()}\r\n` +
      // There is no Origin to reflect: the request was never read. Nothing in this answer is anybody's secret.
      'Access-Control-Allow-Origin: *\r\nVary: Origin\r\nCache-Control: no-store\r\n' +
      'Content-Type: application/json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
