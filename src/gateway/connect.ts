import { hasOption, type Registry } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { protocolVersion } from '@connectrpc/connect/protocol-connect';
import { http } from '../gen/protobuf-es/google/api/annotations_pb.js';
import { binaryEncoder, jsonEncoder } from '../rpc/answer-encoders.js';
import type { Call } from '../rpc/call.js';
import { readBinary, readJson } from '../rpc/decode/decode.js';
import { ServiceError } from '../rpc/errors.js';
import type { AnyRpc } from '../rpc/rpc.js';
import { mediaTypeOf } from './body.js';
import { refuseConnect } from './connect-error.js';
import { readQuery } from './connect-get.js';
import type { Endpoint, Format } from './endpoint.js';

const TIMEOUT = /^\d{1,10}$/;
const NO_BODY = new Uint8Array(0);

/**
 * The endpoints of the Connect protocol (https://connectrpc.com/docs/protocol), unary, for the RPCs that have a public
 * path. They use the protocol pieces of Connect's library and not its handler, which would decode each request again,
 * refuse in its own words, and throw at a Host header that is no host (docs/adr/0001).
 */
export function connectEndpoints(rpcs: readonly AnyRpc[]): Endpoint[] {
  return rpcs.filter(({ method }) => hasOption(method, http)).flatMap((rpc) => endpointsOf(rpc));
}

/**
 * The endpoints of one RPC: POST, and GET where it has no side effects.
 *
 * @param registry the types that a google.protobuf.Any of its messages may hold
 */
export function endpointsOf(rpc: AnyRpc, registry?: Registry): Endpoint[] {
  const formats = formatsOf(rpc, registry);
  const shared = { path: rpc.codec.path, rpc, refuse: refuseConnect };
  const post: Endpoint = {
    ...{ ...shared, method: 'POST', hasBody: true },
    accept(request, call) {
      const format = formats.get(mediaTypeOf(request));
      if (format === undefined) {
        throw new ServiceError(
          'unsupported_media_type',
          'Content-Type must be application/json or application/proto.',
        );
      }
      requireVersion(call.header('connect-protocol-version'), protocolVersion);
      return { call: connectCall(call), format };
    },
  };
  const get: Endpoint = {
    ...{ ...shared, method: 'GET', hasBody: false },
    accept(request, call) {
      const { encoding, version, message } = readQuery(request);
      const format = formats.get(`application/${encoding}`);
      if (format === undefined) {
        throw new ServiceError('unsupported_media_type', 'The parameter encoding must be json or proto.');
      }
      requireVersion(version, `v${protocolVersion}`);
      return { call: connectCall(call), format: { ...format, read: () => format.read(message()) } };
    },
  };
  const isRead = rpc.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  return isRead ? [post, get] : [post];
}

/** How the messages of an RPC are read and written, by media type. */
function formatsOf(rpc: AnyRpc, registry: Registry | undefined): ReadonlyMap<string | undefined, Format> {
  const { input } = rpc.method;
  const formats: readonly Format[] = [
    {
      mediaType: 'application/json',
      read: (body = NO_BODY) => readJson(input, body, registry),
      write: jsonEncoder(rpc, registry),
    },
    {
      mediaType: 'application/proto',
      read: (body = NO_BODY) => readBinary(input, body),
      write: binaryEncoder(rpc),
    },
  ];
  return new Map(formats.map((format) => [format.mediaType, format]));
}

/** A call as this protocol has it. */
function connectCall(call: Call): Call {
  const { surface, requestId, header, addHeader, onGone } = call;
  return {
    surface,
    transport: 'connect',
    requestId,
    timeoutMs: timeoutOf(header('connect-timeout-ms')),
    header,
    addHeader,
    onGone,
    // Unary answers have their trailers among their headers.
    addTrailer: (name, value) => addHeader?.(`Trailer-${name}`, value),
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

/** Refuses other versions of the protocol. A request need not name one: tools such as curl leave it out. */
function requireVersion(version: string | undefined, ours: string): void {
  if (version === undefined || version === ours) return;
  throw new ServiceError('invalid_input', `This is version ${protocolVersion} of the Connect protocol.`);
}
