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
import { answerEncoder } from '../rpc/answer-encoder.js';
import { type Call, requestIdOf } from '../rpc/call.js';
import type { CallLog } from '../rpc/call-log.js';
import { readBinary } from '../rpc/decode/decode.js';
import { toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';
import type { AnyRpc, AnyStreamRpc } from '../rpc/rpc.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import { GRPC_BOUNDS, type GrpcBounds } from './bounds.js';
import { guardCalls } from './calls.js';
import { createConnections } from './connections.js';
import { http2ServerOf, type StreamingCall } from './grpc-js.js';
import { toStatus } from './status.js';
import { createStreams } from './streams.js';

// What it would print on standard error reaches us as errors too.
setLogVerbosity(logVerbosity.NONE);

/**
 * The most calls of one connection that are under way at once, open streams included. RFC 9113 (6.5.2) advises 100 at
 * least; a client with more calls makes them wait or opens another connection.
 */
const MAX_CONCURRENT_STREAMS = 250;
/** The most bytes of a call's headers, as HTTP/2 counts them: as on the gateway. */
const MAX_HEADER_LIST_BYTES = 16 * 1024;
/** How often a quiet connection is asked whether its other end is alive, in ms. */
const KEEPALIVE_MS = 60_000;
/** How long a connection without calls is kept, in ms. */
const IDLE_MS = 15 * 60_000;

/** The gRPC edge: the engine surface. */
export interface GrpcServer {
  /** Starts listening. @returns the port. @throws Error when the address cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /** Lets the calls under way finish for at most `graceMs`, then cuts them off. The pipeline has been stopped before. */
  close(graceMs: number): Promise<void>;
}

/** What the edge is made of. */
export interface GrpcServerParts {
  readonly rpcs: readonly AnyRpc[];
  readonly streamRpcs: readonly AnyStreamRpc[];
  readonly pipeline: Pipeline;
  readonly newRequestId: () => string;
  readonly callLog: Pick<CallLog, 'refusedEarly' | 'failed'>;
  readonly credentials: ServerCredentials;
  /**
   * How long a connection takes new calls, in ms, give or take a tenth: for good unless set. Then its client is told to
   * make another one (GOAWAY). The calls that are under way on it, streams too, go on for as long as they take.
   */
  readonly maxConnectionAgeMs?: number;
  /** How long a stream's status may wait for a reader that has stopped, in ms: 30 s unless set. */
  readonly statusMs?: number;
  readonly elapsed?: Elapsed;
  /** Bounds other than {@link GRPC_BOUNDS}. */
  readonly bounds?: Partial<GrpcBounds>;
}

/** Makes the gRPC server; it listens when it is told to. */
export function createGrpcServer(parts: GrpcServerParts): GrpcServer {
  const { rpcs, streamRpcs, pipeline, newRequestId, callLog, credentials, maxConnectionAgeMs, statusMs } =
    parts;
  const { elapsed = monotonic } = parts;
  const bounds = { ...GRPC_BOUNDS, ...parts.bounds };
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.max_connection_idle_ms': IDLE_MS,
    // Counts what nobody here asks for, on every call.
    'grpc.enable_channelz': 0,
    // Without max_connection_age_grace_ms, which would cut streams off in mid-way, without a word or a resume token.
    ...(maxConnectionAgeMs !== undefined && { 'grpc.max_connection_age_ms': maxConnectionAgeMs }),
  });

  const streams = createStreams({ pipeline, accept, ...(statusMs !== undefined && { statusMs }) });

  for (const rpc of rpcs) {
    const { path } = rpc.codec;
    const definition = { ...definitionOf(path), responseStream: false, responseSerialize: passThrough };
    server.addService({ [path]: definition }, { [path]: unary(rpc) });
  }
  for (const rpc of streamRpcs) {
    const { path } = rpc.codec;
    const definition = { ...definitionOf(path), responseStream: true, responseSerialize: passThrough };
    server.addService({ [path]: definition }, { [path]: streams.serve(rpc) });
  }

  // The connections are ours and not grpc-js's, which caps them not at all, and keeps those that are broken.
  const injector = server.createConnectionInjector(credentials);
  const http2Server = http2ServerOf(server);
  http2Server.updateSettings({
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    maxHeaderListSize: MAX_HEADER_LIST_BYTES,
  });
  const calls = guardCalls({
    http2Server,
    unaryPaths: new Set(rpcs.map(({ codec }) => codec.path)),
    streamPaths: new Set(streamRpcs.map(({ codec }) => codec.path)),
    onRefused: ({ code, message }) => callLog.refusedEarly({ transport: 'grpc', code, reason: message }),
    ...{ elapsed, bounds },
  });
  const connections = createConnections({
    http2Server,
    inject: injector.injectConnection,
    onRefused: (refused) => callLog.refusedEarly({ transport: 'grpc', code: 'unavailable', ...refused }),
    ...{ elapsed, bounds },
  });
  const sweep = setInterval(() => connections.sweep(calls.sweep()), bounds.sweepMs).unref();

  /**
   * The one adapter between grpc-js and the pipeline: grpc-js never answers a handler that rejects, and gives a
   * thrown Error's text to the caller.
   */
  function unary(rpc: AnyRpc): UntypedHandleCall {
    const toBytes = answerEncoder(rpc);
    return async (call: ServerUnaryCall<Buffer, unknown>, callback: sendUnaryData<unknown>) => {
      const accepted = toCall(call);
      // The metadata in one turn with the answer: sent ahead, it would be a packet of its own.
      const answer: typeof callback = (...result) => {
        call.sendMetadata(requestIdMetadata(accepted));
        callback(...result);
      };
      let bytes: Buffer;
      try {
        const response = await pipeline.invoke(
          rpc,
          () => readBinary(rpc.method.input, call.request),
          accepted,
        );
        // Here and not in grpc-js, whose own words callers would read when an answer cannot be encoded.
        bytes = toBytes(response);
      } catch (thrown) {
        const error = toServiceError(thrown);
        if (error !== thrown) callLog.failed(thrown);
        // In the next turn: answered in the turn that reads them, calls of one connection would never be too many.
        setImmediate(() => answer(toStatus(error)));
        return;
      }
      answer(null, bytes);
    };
  }

  /** Begins a stream: what is known of it, and its request id for the caller. */
  function accept(call: StreamingCall): Call {
    const accepted = toCall(call);
    call.sendMetadata(requestIdMetadata(accepted));
    return accepted;
  }

  function toCall(call: ServerUnaryCall<Buffer, unknown> | StreamingCall): Call {
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
      onGone: (listener) => call.on('cancelled', listener),
      // grpc-js shows only what was verified against GRPC_TLS_CLIENT_CA.
      certificateSubject: () => call.getAuthContext().sslPeerCertificate?.subject,
    };
  }

  return {
    listen: connections.listen,

    async close(graceMs) {
      connections.stop();
      const calls = new Promise<void>((ended) => server.tryShutdown(() => ended()));
      const done = Promise.all([streams.settled(), calls]).then(connections.end);
      // tryShutdown can wait for ever, so it is never left alone.
      let cut: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        cut = setTimeout(() => {
          server.forceShutdown();
          connections.destroy();
          resolve();
        }, graceMs);
      });
      await Promise.race([done, late]);
      clearTimeout(cut);
      clearInterval(sweep);
    },
  };
}

/** What the definitions of all RPCs share. */
function definitionOf(path: string) {
  return {
    path,
    requestStream: false,
    // The bytes go through as they came: decoding is the door's.
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseDeserialize: passThrough,
  };
}

function requestIdMetadata({ requestId }: Call): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  // In place of grpc-js's own, which names what it could unpack.
  metadata.set('grpc-accept-encoding', 'identity');
  return metadata;
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

/** How long the caller waits: grpc-js has made a time of its `grpc-timeout`, by the system's clock. */
function timeoutOf(deadline: Deadline): number {
  return Number(deadline) - Date.now();
}
