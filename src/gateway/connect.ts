import { hasOption, toJsonString } from '@bufbuild/protobuf';
import { type Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { http } from '../gen/protobuf-es/google/api/annotations_pb.js';
import { answerEncoder } from '../rpc/answer-encoder.js';
import { bridgeResponse } from '../rpc/bridge.js';
import { readBinary, readJson } from '../rpc/decode/decode.js';
import { errorDetails } from '../rpc/error-details.js';
import { errorTable, ServiceError } from '../rpc/errors.js';
import type { AnyRpc } from '../rpc/rpc.js';
import { answer, errorHeaders } from './answer.js';
import { mediaTypeOf } from './body.js';
import type { Endpoint, Exchange, Format } from './endpoint.js';

const TIMEOUT = /^\d{1,10}$/;
const NO_BODY = new Uint8Array(0);

/**
 * The Connect protocol (https://connectrpc.com/docs/protocol), unary, JSON and binary, for the RPCs that have a
 * public path. It is spoken with the protocol pieces of Connect's library and not by its handler, which would decode
 * each request again, refuse in its own words, and throw at a Host header that is no host.
 */
export function connectEndpoints(rpcs: readonly AnyRpc[]): Endpoint[] {
  return rpcs.filter(({ method }) => hasOption(method, http)).map(connectEndpoint);
}

function connectEndpoint(rpc: AnyRpc): Endpoint {
  const { input, output } = rpc.method;
  const formats: ReadonlyMap<string | undefined, Format> = new Map(
    [
      {
        mediaType: 'application/json',
        read: (body = NO_BODY) => readJson(input, body),
        write: (response) => Buffer.from(toJsonString(output, bridgeResponse(rpc, response))),
      } satisfies Format,
      {
        mediaType: 'application/proto',
        read: (body = NO_BODY) => readBinary(input, body),
        write: answerEncoder(rpc),
      } satisfies Format,
    ].map((format) => [format.mediaType, format]),
  );

  return {
    method: 'POST',
    path: rpc.codec.path,
    rpc,
    hasBody: true,
    refuse: refuseConnect,
    accept(request, call) {
      const format = formats.get(mediaTypeOf(request));
      if (format === undefined) {
        throw new ServiceError(
          'unsupported_media_type',
          'Content-Type must be application/json or application/proto.',
        );
      }
      const timeoutMs = timeoutOf(call.header('connect-timeout-ms'));
      return { call: { ...call, transport: 'connect', timeoutMs }, format };
    },
  };
}

/** How long the caller waits, in ms. */
function timeoutOf(timeout: string | undefined): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  if (!TIMEOUT.test(timeout)) {
    throw new ServiceError(
      'invalid_input',
      'Connect-Timeout-Ms must be a whole number of at most 10 digits.',
    );
  }
  return Number(timeout);
}

/** Answers a refusal as the Connect protocol has it: its own status for a code, and the error as JSON. */
function refuseConnect(exchange: Exchange, error: ServiceError): void {
  // Connect numbers its codes as gRPC does.
  const code: Code = errorTable[error.code].grpc;
  const connectError = new ConnectError(error.message, code, undefined, errorDetails(error));
  const fixedByProtocol = error.code === 'method_not_allowed' || error.code === 'unsupported_media_type';
  const status = fixedByProtocol ? errorTable[error.code].http : codeToHttpStatus(code);
  const body = errorToJsonBytes(connectError, undefined);
  answer(exchange, status, 'application/json', body, errorHeaders(error));
}
