import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Call } from '../rpc/call.js';
import type { ServiceError } from '../rpc/errors.js';

/** A request and the answer that it gets. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /**
   * What every answer carries: CORS, the request id. Whoever answers adds its own and gives them to `writeHead` at
   * once, which Node is fastest with.
   */
  readonly headers: OutgoingHttpHeaders;
}

/** One method of one path of the gateway. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  /** Answers a request. @throws ServiceError, which `refuse` then answers, unless it has answered already. */
  readonly serve: (exchange: Exchange, call: Call) => Promise<void>;
  /** Answers a refusal in the way of this endpoint's protocol. */
  readonly refuse: (exchange: Exchange, error: ServiceError) => void;
}
