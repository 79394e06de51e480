import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { capConnections } from '../net/connection-cap.js';
import { listen } from '../net/listen.js';
import { connectionsPerPort } from '../net/open-files.js';
import { type Call, requestIdOf } from '../rpc/call.js';
import type { CallLog } from '../rpc/call-log.js';
import { ServiceError, toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';
import type { Elapsed } from '../time/elapsed.js';
import { addHeader, answer } from './answer.js';
import { createBodyReader, declaresTooLarge } from './body.js';
import { type BrokenRequest, brokenRequest, refuseBroken } from './broken-request.js';
import { answerOptions, corsHeaders } from './cors.js';
import type { Endpoint, Exchange } from './endpoint.js';
import { checkHost } from './host.js';
import { isLingering, lingerAndClose } from './linger.js';
import { createPipelining } from './pipelining.js';
import { createRoutes } from './routes.js';
import { closeSlowReaders } from './slow-readers.js';
import { createUnreadAnswers } from './unread-answers.js';

/** The gateway: the chat surface, on one `node:http` server. */
export interface Gateway {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /** Lets the requests under way finish for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** What {@link createGateway} needs. */
export interface GatewayDeps {
  readonly endpoints: readonly Endpoint[];
  readonly pipeline: Pick<Pipeline, 'invoke'>;
  readonly callLog: Pick<CallLog, 'refusedEarly' | 'failed'>;
  readonly newRequestId: () => string;
  readonly elapsed: Elapsed;
  /** How long a client may take for its headers and for its whole request, in ms. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** How long a client may take no byte of its answers, in ms. */
  readonly maxStallMs?: number;
  readonly maxConnections?: number;
  /** The most that a request may take, unpacked, in bytes: 64 KiB unless set. */
  readonly maxRequestBytes?: number;
}

/** The most connections. An idle one takes 10 KB, and browsers keep theirs for some seconds after a request. */
const MAX_CONNECTIONS = 10_000;

/** How often Node checks for requests that take too long, in ms. */
const TIMEOUT_CHECK_MS = 500;
/** How often a closing server closes the connections that have become idle, in ms. */
const IDLE_SWEEP_MS = 20;

/** Makes the gateway, which does not listen yet. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { pipeline, callLog, newRequestId, elapsed } = deps;
  const { headersTimeoutMs = 5_000, requestTimeoutMs = 10_000, maxStallMs = 30_000 } = deps;
  const { maxConnections = connectionsPerPort(MAX_CONNECTIONS), maxRequestBytes = MAX_REQUEST_BYTES } = deps;
  const routeOf = createRoutes(deps.endpoints);
  const pipelining = createPipelining();
  const readBody = createBodyReader({ maxBytes: maxRequestBytes });
  const holdUnread = createUnreadAnswers();
  let closing = false;

  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // checkHost refuses a missing one with an error of the table.
      requireHostHeader: false,
    },
    (request, response) => onRequest(request, response),
  );
  server.on('connection', pipelining.add);
  // A client that sends `Expect: 100-continue` learns that its body is too large before it sends it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!declaresTooLarge(request, maxRequestBytes)) response.writeContinue();
    onRequest(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    onRequest(request, response, new ServiceError('expectation_failed', 'Expect must be 100-continue.'));
  });
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    refuseSocket(socket, { code: 'method_not_allowed', message: 'This is no proxy.' });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (isLingering(socket)) return;
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else refuseSocket(socket, brokenRequest(error.code), error.code);
  });
  const stopWatch = closeSlowReaders(server, {
    maxStallMs,
    elapsed,
    onClosed: () => callLog.refusedEarly({ transport: 'http', code: 'reader_too_slow' }),
  });
  capConnections(server, {
    max: maxConnections,
    onRefused: (refused) => callLog.refusedEarly({ transport: 'http', code: 'unavailable', ...refused }),
    makeRoom: () => pipelining.longestIdle()?.destroy() !== undefined,
  });

  function onRequest(request: IncomingMessage, response: ServerResponse, fault?: ServiceError): void {
    // Node parses all that it has read, even when a request at its beginning had the connection closed.
    if (request.socket.destroyed || isLingering(request.socket)) return;
    if (pipelining.begin(request, () => serve(request, response, fault))) return;
    callLog.refusedEarly({ transport: 'http', code: 'unavailable', reason: 'too many pipelined requests' });
    request.socket.destroy();
  }

  /** Answers one request, and tells `pipelining` when that is done. */
  function serve(request: IncomingMessage, response: ServerResponse, fault?: ServiceError): void {
    const { endpoint, methods, refuse: refuseIn } = routeOf(request);
    const requestId = requestIdOf(header(request, 'x-request-id'), newRequestId);
    const headers = corsHeaders(request);
    headers['X-Request-Id'] = requestId;
    if (closing) headers['Connection'] = 'close';
    if (methods !== undefined && !endpoint) headers['Allow'] = `${methods}, OPTIONS`;
    const exchange: Exchange = { request, response, headers };

    if (methods !== undefined && request.method === 'OPTIONS') {
      answerOptions(exchange, methods);
      pipelining.end(request);
      return;
    }
    const refuse = (error: ServiceError) => {
      // Deferred until the requests that have arrived are parsed: refusals that leave together cost half as much.
      setImmediate(() => {
        if (!request.complete) {
          headers['Connection'] = 'close';
          lingerAndClose(request.socket, requestTimeoutMs);
          request.removeAllListeners('data').resume();
        }
        if (!response.headersSent) {
          refuseIn(exchange, error);
          holdUnread(response, Number(headers['Content-Length']));
        }
        pipelining.end(request);
      });
    };
    const early = fault ?? checkHost(request) ?? (endpoint ? undefined : noEndpoint(methods));
    if (early || !endpoint) {
      refuse(refusedEarly(requestId, early));
      return;
    }
    const call: Call = {
      surface: 'chat',
      transport: 'http',
      requestId,
      timeoutMs: Number.POSITIVE_INFINITY,
      header: (name) => header(request, name),
      addHeader: (name, value) => addHeader(exchange, name, value),
      addTrailer: (name, value) => addHeader(exchange, name, value),
      onGone: (listener) =>
        response.on('close', () => {
          if (!response.writableEnded) listener();
        }),
    };
    invoke(endpoint, exchange, call).then(() => pipelining.end(request), refuse);
  }

  /** Reads a request, runs it through the pipeline and answers. @throws ServiceError, which is logged by then */
  async function invoke({ rpc, hasBody, accept }: Endpoint, exchange: Exchange, plain: Call): Promise<void> {
    const { request, response } = exchange;
    let accepted: ReturnType<Endpoint['accept']>;
    let body: Buffer | undefined;
    try {
      accepted = accept(request, plain);
      body = hasBody ? await readBody(request) : undefined;
    } catch (thrown) {
      // A connection that broke is logged where it broke.
      throw request.errored ? toServiceError(thrown) : refusedEarly(plain.requestId, thrown);
    }
    const { call, format } = accepted;
    const result = await pipeline.invoke(rpc, () => format.read(body), call);
    try {
      const bytes = format.write(result);
      answer(exchange, 200, format.mediaType, bytes);
      holdUnread(response, bytes.length);
    } catch (thrown) {
      callLog.failed(thrown);
      throw toServiceError(thrown);
    }
  }

  /** Logs a request that does not reach the pipeline. @returns the error for its caller */
  function refusedEarly(requestId: string, thrown: unknown): ServiceError {
    const error = toServiceError(thrown);
    if (error === thrown) callLog.refusedEarly({ transport: 'http', code: error.code, requestId });
    else callLog.failed(thrown);
    return error;
  }

  /**
   * Closes a connection with bytes that are no request; answers first, unless an earlier request waits for its answer.
   */
  function refuseSocket(socket: Socket, broken: BrokenRequest, reason?: string): void {
    callLog.refusedEarly({ transport: 'http', code: broken.code, reason });
    if (pipelining.isIdle(socket) && socket.writableLength === 0) refuseBroken(socket, broken);
    else socket.destroy();
  }

  return {
    listen: (host, port) => listen(server, host, port),

    close: (graceMs) =>
      new Promise((resolve) => {
        closing = true;
        stopWatch();
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

function noEndpoint(methods: string | undefined): ServiceError {
  return methods === undefined
    ? new ServiceError('not_found', 'There is nothing at this path.')
    : new ServiceError('method_not_allowed', `This path takes ${methods}.`);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
