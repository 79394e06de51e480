import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { answerError, refuseConnect } from '../../src/gateway/connect-error.js';
import type { Endpoint } from '../../src/gateway/endpoint.js';
import type { Call } from '../../src/rpc/call.js';

/** The HTTP request of each call, which handlers of the service do not see; by the function that reads its headers. */
const requests = new WeakMap<Call['header'], IncomingMessage>();

/**
 * Adds to an endpoint what the suite asks of a handler and the service keeps from its own: the whole HTTP request, and
 * errors with any of Connect's codes and any details, which the pipeline takes for the cause of an internal error.
 */
export function observable(endpoint: Endpoint): Endpoint {
  return {
    ...endpoint,
    accept(request, plain) {
      const { call, format } = endpoint.accept(request, plain);
      requests.set(call.header, request);
      return { call, format };
    },
    refuse(exchange, error) {
      if (error.cause instanceof ConnectError) answerError(exchange, error.cause);
      // Without our own details: the suite counts them.
      else refuseConnect(exchange, error, []);
    },
  };
}

/** What the suite wants to know of a request: ConformancePayload.RequestInfo without the message. */
export function observed(call: Call): JsonObject {
  const request = requests.get(call.header);
  if (request === undefined) throw new Error('the endpoint of this call is not observable');
  const { url = '', method, headers } = request;
  const query = new URL(url, 'http://localhost').searchParams;
  return {
    requestHeaders: Object.entries(headers).map(([name, value]) => ({ name, value: [value ?? []].flat() })),
    ...(Number.isFinite(call.timeoutMs) && { timeoutMs: String(call.timeoutMs) }),
    ...(method === 'GET' && {
      connectGetInfo: { queryParams: [...query].map(([name, value]) => ({ name, value: [value] })) },
    }),
  };
}
