import { IncomingMessage } from 'node:http';
import { hasOption, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createContextKey, createContextValues } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { http } from '../gen/protobuf-es/google/api/annotations_pb.js';
import type { Call } from '../rpc/call.js';
import { bridgeResponse, readBinary, readJson } from '../rpc/door.js';
import { errorDetails } from '../rpc/error-details.js';
import { errorTable, ServiceError, toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import type { AnyRpc } from '../rpc/rpc.js';
import { answerJson, errorHeaders } from './answer.js';
import { mediaTypeOf, readBody } from './body.js';
import type { Endpoint, Exchange } from './endpoint.js';

/** A request that the door has let in, on its way through Connect's handler. */
interface Admitted {
  readonly message: MessageShape<AnyRpc['method']['input']>;
  readonly call: Call;
}

const admittedKey = createContextKey<Admitted | undefined>(undefined);

const TIMEOUT = /^\d{1,10}$/;

/**
 * The Connect protocol (https://connectrpc.com/docs/protocol), unary, JSON and binary, for the RPCs that have a
 * public path. What Connect's library would refuse in its own words is refused here first, so that the error
 * table holds on this transport too.
 */
export function connectEndpoints(rpcs: readonly AnyRpc[], { invoke }: Pick<Pipeline, 'invoke'>): Endpoint[] {
  const served = rpcs.filter(({ method }) => hasOption(method, http));
  const admitted = new WeakMap<object, Admitted>();

  const handler = connectNodeAdapter({
    grpc: false,
    grpcWeb: false,
    acceptCompression: [],
    contextValues: (request) => createContextValues().set(admittedKey, admitted.get(request)),
    routes: (router) => {
      for (const rpc of served) {
        router.rpc(rpc.method, async (_message, context) => {
          const request = context.values.get(admittedKey);
          if (!request) throw new ConnectError('not admitted', Code.Internal);
          try {
            return bridgeResponse(rpc, await invoke(rpc, () => request.message, request.call));
          } catch (thrown) {
            throw toConnectError(toServiceError(thrown));
          }
        });
      }
    },
  });

  return served.map((rpc) => ({
    method: 'POST',
    path: rpc.codec.path,
    refuse: refuseConnect,
    async serve({ request, response, headers }, call) {
      const mediaType = mediaTypeOf(request);
      if (mediaType !== 'application/json' && mediaType !== 'application/proto') {
        throw new ServiceError(
          'unsupported_media_type',
          'Content-Type must be application/json or application/proto.',
        );
      }
      const timeoutMs = timeoutOf(call.header('connect-timeout-ms'));
      const body = await readBody(request);
      const isJson = mediaType === 'application/json';
      const message = (isJson ? readJson : readBinary)(rpc.method.input, body);
      // The body is read once, by the door: Connect's library gets the least that is a message.
      const replayed = replay(request, mediaType, isJson ? EMPTY_OBJECT : EMPTY);
      admitted.set(replayed, {
        message,
        call: { ...call, transport: 'connect', timeoutMs },
      });
      // The handler writes headers of its own beside these.
      response.setHeader('Cache-Control', 'no-store');
      for (const [name, value] of Object.entries(headers))
        if (value !== undefined) response.setHeader(name, value);
      handler(replayed, response);
    },
  }));
}

const EMPTY = Buffer.alloc(0);
const EMPTY_OBJECT = Buffer.from('{}');

/** The request once more, with another body, as Connect's handler takes it. */
function replay(request: IncomingMessage, mediaType: string, body: Buffer): IncomingMessage {
  const replayed = new IncomingMessage(request.socket);
  replayed.method = request.method;
  replayed.url = request.url;
  replayed.httpVersion = request.httpVersion;
  replayed.headers = {
    host: request.headers.host ?? 'localhost',
    'content-type': mediaType,
    'content-length': String(body.length),
  };
  // An incomplete message that is destroyed takes its socket along.
  replayed.complete = true;
  replayed.push(body);
  replayed.push(null);
  return replayed;
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

function toConnectError(error: ServiceError): ConnectError {
  // Connect numbers its codes as gRPC does.
  const code: Code = errorTable[error.code].grpc;
  return new ConnectError(error.message, code, errorHeaders(error), errorDetails(error));
}

/** Answers a refusal as the Connect protocol has it: its own status for a code, and the error as JSON. */
function refuseConnect(exchange: Exchange, error: ServiceError): void {
  const connectError = toConnectError(error);
  const fixedByProtocol = error.code === 'method_not_allowed' || error.code === 'unsupported_media_type';
  const status = fixedByProtocol ? errorTable[error.code].http : codeToHttpStatus(connectError.code);
  answerJson(exchange, status, errorToJsonBytes(connectError, undefined), errorHeaders(error));
}
