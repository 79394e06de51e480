import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type Deadline,
  logVerbosity,
  Metadata,
  Server,
  type ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  setLogVerbosity,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { StatusSchema } from '../gen/protobuf-es/google/rpc/status_pb.js';
import { type Call, requestIdOf } from '../rpc/call.js';
import { readBinary } from '../rpc/door.js';
import { errorDetails } from '../rpc/error-details.js';
import { errorTable, type ServiceError, toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';
import type { AnyRpc } from '../rpc/rpc.js';

// What it would print on standard error reaches us as errors too.
setLogVerbosity(logVerbosity.NONE);

/** The most calls of one connection that are under way at once. */
const MAX_CONCURRENT_STREAMS = 1_000;
/** How often a quiet connection is asked whether its other end is alive, in ms. */
const KEEPALIVE_MS = 60_000;
/** How long a connection without calls is kept, in ms. */
const IDLE_MS = 15 * 60_000;

/** The gRPC edge: the engine surface. */
export interface GrpcServer {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had. */
  listen(address: string): Promise<number>;
  /** Lets the calls under way finish for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** What the edge is made of. */
export interface GrpcServerParts {
  readonly rpcs: readonly AnyRpc[];
  readonly pipeline: Pick<Pipeline, 'invoke'>;
  readonly newRequestId: () => string;
  readonly credentials: ServerCredentials;
}

export function createGrpcServer({ rpcs, pipeline, newRequestId, credentials }: GrpcServerParts): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.max_connection_idle_ms': IDLE_MS,
  });

  for (const rpc of rpcs) {
    const { path, responseSerialize } = rpc.codec;
    const passThrough = (bytes: Buffer) => bytes;
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      // The bytes go through as they came: decoding is the door's.
      requestSerialize: passThrough,
      requestDeserialize: passThrough,
      responseSerialize,
      responseDeserialize: passThrough,
    };
    server.addService({ [path]: definition }, { [path]: unary(rpc) });
  }

  /**
   * The one adapter between grpc-js and the pipeline: grpc-js never answers a handler that rejects, and gives a
   * thrown Error's text to the caller.
   */
  function unary(rpc: AnyRpc): UntypedHandleCall {
    return (call: ServerUnaryCall<Buffer, unknown>, callback: sendUnaryData<unknown>) => {
      const { requestId, ...rest } = toCall(call);
      const metadata = new Metadata();
      metadata.set('x-request-id', requestId);
      call.sendMetadata(metadata);
      pipeline
        .invoke(rpc, () => readBinary(rpc.method.input, call.request), { ...rest, requestId })
        .then(
          (response) => callback(null, response),
          (thrown: unknown) => callback(toStatus(toServiceError(thrown))),
        );
    };
  }

  function toCall(call: ServerUnaryCall<Buffer, unknown>): Call {
    const header = (name: string) => {
      const values = call.metadata.get(name);
      return values.length === 0 ? undefined : values.join(', ');
    };
    return {
      surface: 'engine',
      transport: 'grpc',
      requestId: requestIdOf(header('x-request-id'), newRequestId),
      timeoutMs: timeoutOf(call.getDeadline()),
      header,
      // grpc-js shows only what was verified against GRPC_TLS_CLIENT_CA.
      certificateSubject: () => call.getAuthContext().sslPeerCertificate?.subject,
    };
  }

  return {
    listen: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
      }),

    close: (graceMs) =>
      new Promise((resolve) => {
        // tryShutdown can wait for ever, so it is never left alone.
        const cut = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
}

/** How long the caller waits: grpc-js has made a time of its `grpc-timeout`, by the system's clock. */
function timeoutOf(deadline: Deadline): number {
  return Number(deadline) - Date.now();
}

/** The error as grpc-js sends it: status, sentence, and google.rpc.Status with the details in the trailers. */
function toStatus(error: ServiceError) {
  const code = errorTable[error.code].grpc;
  const details = errorDetails(error).map(({ desc, value }) => anyPack(desc, value));
  const status = create(StatusSchema, { code, message: error.message, details });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: error.message, metadata };
}
