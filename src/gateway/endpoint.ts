import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call } from '../rpc/call.js';
import type { ServiceError } from '../rpc/errors.js';

/** One method of one path of the gateway. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  /** Answers a request. @throws ServiceError, which `refuse` then answers, unless it has answered already. */
  readonly serve: (request: IncomingMessage, response: ServerResponse, call: Call) => Promise<void>;
  /** Answers a refusal in the way of this endpoint's protocol. */
  readonly refuse: (response: ServerResponse, error: ServiceError) => void;
}
