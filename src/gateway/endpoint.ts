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
   * The headers of the answer: those that every answer has (CORS, the request id), and what is added to them. One call
   * of `writeHead` sends all of them, which costs Node least.
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
   * Checks the headers of a request, before its body is read.
   *
   * @returns the call with what this protocol adds to it, such as a deadline, and the format of its messages
   * @throws ServiceError
   */
  readonly accept: (request: IncomingMessage, call: Call) => { readonly call: Call; readonly format: Format };
  /** Answers an error in the form of this endpoint's protocol. */
  readonly refuse: (exchange: Exchange, error: ServiceError) => void;
}

/** Reads and writes the messages of an RPC in one media type. */
export interface Format {
  readonly mediaType: string;
  /** Decodes a request, which has no body where the path takes none. @throws ServiceError invalid_input */
  readonly read: (body: Uint8Array | undefined) => MessageShape<AnyRpc['method']['input']>;
  /** Encodes an answer of the RPC's ts-proto type. */
  readonly write: (response: object) => Uint8Array;
}
