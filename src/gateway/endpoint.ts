import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { MessageShape } from '@bufbuild/protobuf';
import type { Call } from '../rpc/call.js';
import type { ServiceError } from '../rpc/errors.js';
import type { AnyRpc } from '../rpc/rpc.js';

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

/** One method of one path of the gateway: an RPC in the form of one protocol. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly rpc: AnyRpc;
  readonly hasBody: boolean;
  /**
   * Looks at the headers of a request, before its body is read.
   *
   * @returns the call as this protocol has it, and the format of its messages
   * @throws ServiceError
   */
  readonly accept: (request: IncomingMessage, call: Call) => { readonly call: Call; readonly format: Format };
  /** Answers a refusal in the way of this endpoint's protocol. */
  readonly refuse: (exchange: Exchange, error: ServiceError) => void;
}

/** How the messages of an RPC are written in one media type. */
export interface Format {
  readonly mediaType: string;
  /** The request, checked for its shape; without a body where the path has none. @throws ServiceError invalid_input */
  readonly read: (body: Uint8Array | undefined) => MessageShape<AnyRpc['method']['input']>;
  /** The bytes of an answer, which is of the RPC's ts-proto type. */
  readonly write: (response: object) => Uint8Array;
}
