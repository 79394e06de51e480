import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { capConnections } from '../net/connection-cap.js';
import { listen } from '../net/listen.js';
import { connectionsPerPort } from '../net/open-files.js';
import { type Call, requestIdOf } from '../rpc/call.js';
import type { CallLog } from '../rpc/call-log.js';
import { ServiceError, toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import type { Elapsed } from '../time/elapsed.js';
import { answer } from './answer.js';
import { createBodyReader, declaresTooLarge, discardBody } from './body.js';
import { type BrokenRequest, brokenRequest, refuseBroken } from './broken-request.js';
import { answerOptions, corsHeaders } from './cors.js';
import type { Endpoint, Exchange } from './endpoint.js';
import { hostFault } from './host.js';
import { createPipelining } from './pipelining.js';
import { refuseRest } from './rest.js';
import { closeSlowReaders } from './slow-readers.js';

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
  readonly pipeline: Pick<Pipeline, 'invoke'>;
  readonly callLog: Pick<CallLog, 'refusedEarly' | 'failed'>;
  readonly newRequestId: () => string;
  readonly elapsed: Elapsed;
  /** How long a client may take for its headers and for its whole request, in ms. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** How long a client may take none of what it is sent, in ms. */
  readonly maxStallMs?: number;
  readonly maxConnections?: number;
}

/** The most connections: of 10 KB each when idle, and browsers keep them for some seconds after a request. */
const MAX_CONNECTIONS = 10_000;

/** How often slow requests are looked for, in ms. */
const TIMEOUT_CHECK_MS = 500;
/** How often a closing server looks for connections that have become idle, in ms. */
const IDLE_SWEEP_MS = 20;

/** Makes the gateway; it listens when it is told to. */
export function createGateway(parts: GatewayParts): Gateway {
  const { pipeline, callLog, newRequestId, elapsed } = parts;
  const { headersTimeoutMs = 5_000, requestTimeoutMs = 10_000, maxStallMs = 30_000 } = parts;
  const { maxConnections = connectionsPerPort(MAX_CONNECTIONS) } = parts;
  const paths = groupByPath(parts.endpoints);
  const pipelining = createPipelining();
  const readBody = createBodyReader();
  /** Connections whose last request is refused, and has not arrived whole. */
  const discarding = new WeakSet<Socket>();
  let closing = false;

  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Refused below, in our words.
      requireHostHeader: false,
    },
    (request, response) => onRequest(request, response),
  );
  server.on('connection', pipelining.add);
  // A client that asks before it sends a large body is told at once when the body is too large.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!declaresTooLarge(request)) response.writeContinue();
    onRequest(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    onRequest(request, response, new ServiceError('expectation_failed', 'Expect must be 100-continue.'));
  });
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    refuseSocket(socket, { code: 'method_not_allowed', message: 'This is no proxy.' });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET' || discarding.has(socket)) socket.destroy();
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
    makeRoom: () => pipelining.leastRecent()?.destroy() !== undefined,
  });

  function onRequest(request: IncomingMessage, response: ServerResponse, fault?: ServiceError): void {
    // What came in one chunk is parsed to its end, even when an earlier part of it had the connection closed.
    if (request.socket.destroyed) return;
    if (pipelining.begin(request, () => serve(request, response, fault))) return;
    callLog.refusedEarly({ transport: 'http', code: 'unavailable', reason: 'too many pipelined requests' });
    request.socket.destroy();
  }

  /** Answers one request, and says when it has. */
  function serve(request: IncomingMessage, response: ServerResponse, fault?: ServiceError): void {
    const path = paths.get(pathOf(request));
    const endpoint = path?.endpoints.get(request.method ?? '');
    const requestId = requestIdOf(header(request, 'x-request-id'), newRequestId);
    const headers = corsHeaders(request);
    headers['X-Request-Id'] = requestId;
    if (closing) headers['Connection'] = 'close';
    if (path && !endpoint) headers['Allow'] = `${path.methods}, OPTIONS`;
    const exchange: Exchange = { request, response, headers };

    if (path && request.method === 'OPTIONS') {
      answerOptions(exchange, path.methods);
      pipelining.end(request);
      return;
    }
    const refuse = (error: ServiceError) => {
      // When the requests that have arrived are read: answers that leave one after the other cost half of what they
      // cost with a reading in between.
      setImmediate(() => {
        if (!response.headersSent) (path?.refuse ?? refuseRest)(exchange, error);
        if (!request.complete) {
          discarding.add(request.socket);
          request.once('end', () => discarding.delete(request.socket));
          discardBody(request);
        }
        pipelining.end(request);
      });
    };
    const early = fault ?? hostFault(request) ?? (endpoint ? undefined : noEndpoint(path));
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
      onGone: (listener) =>
        response.on('close', () => {
          if (!response.writableEnded) listener();
        }),
    };
    invoke(endpoint, exchange, call).then(() => pipelining.end(request), refuse);
  }

  /** Receives a request, has the pipeline do it, and answers. @throws ServiceError, which is logged by then */
  async function invoke({ rpc, hasBody, accept }: Endpoint, exchange: Exchange, plain: Call): Promise<void> {
    const { request } = exchange;
    let accepted: ReturnType<Endpoint['accept']>;
    let body: Buffer | undefined;
    try {
      accepted = accept(request, plain);
      body = hasBody ? await readBody(request) : undefined;
    } catch (thrown) {
      // What became of a connection that broke is logged where it did.
      throw request.errored ? toServiceError(thrown) : refusedEarly(plain.requestId, thrown);
    }
    const { call, format } = accepted;
    const response = await pipeline.invoke(rpc, () => format.read(body), call);
    try {
      answer(exchange, 200, format.mediaType, format.write(response));
    } catch (thrown) {
      callLog.failed(thrown);
      throw toServiceError(thrown);
    }
  }

  /** Logs why a request does not reach the pipeline. @returns the error for its caller */
  function refusedEarly(requestId: string, thrown: unknown): ServiceError {
    const error = toServiceError(thrown);
    if (error === thrown) callLog.refusedEarly({ transport: 'http', code: error.code, requestId });
    else callLog.failed(thrown);
    return error;
  }

  /** Answers what is no request, if that cannot be taken for the answer to one before it; else it only closes. */
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

function noEndpoint(path: Path | undefined): ServiceError {
  return path
    ? new ServiceError('method_not_allowed', `This path takes ${path.methods}.`)
    : new ServiceError('not_found', 'There is nothing at this path.');
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
