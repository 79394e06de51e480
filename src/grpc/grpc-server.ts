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
import { binaryEncoder } from '../rpc/answer-encoders.js';
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
import { addHealth, HEALTH_BYTES, HEALTH_CHECK, HEALTH_LIST, HEALTH_WATCH } from './health.js';
import { addReflection, REFLECTION_BYTES, REFLECTION_PATHS } from './reflection.js';
import { toStatus } from './status.js';
import { createStreams } from './streams.js';

// grpc-js would print what it also reports as errors.
setLogVerbosity(logVerbosity.NONE);

/**
 * The most calls of one connection in flight, open streams included. RFC 9113 (6.5.2) advises at least 100. A client
 * with more calls makes them wait or opens another connection.
 */
const MAX_CONCURRENT_STREAMS = 250;
/** The most bytes of a call's headers, as HTTP/2 counts them; the same as on the gateway. */
const MAX_HEADER_LIST_BYTES = 16 * 1024;
/** How often grpc-js pings a quiet connection, in ms. */
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

/** What {@link createGrpcServer} needs. */
export interface GrpcServerDeps {
  readonly rpcs: readonly AnyRpc[];
  readonly streamRpcs: readonly AnyStreamRpc[];
  readonly pipeline: Pipeline;
  readonly newRequestId: () => string;
  readonly callLog: Pick<CallLog, 'refusedEarly' | 'failed'>;
  readonly credentials: ServerCredentials;
  /**
   * How long a connection takes new calls, in ms, give or take a tenth; without limit unless set. After that its client
   * is told to make another connection (GOAWAY). Calls in flight, streams too, go on for as long as they take.
   */
  readonly maxConnectionAgeMs?: number;
  /** How long a stream's status may wait for a reader that has stopped, in ms: 30 s unless set. */
  readonly statusMs?: number;
  /** The descriptors of the served protos (reflection.ts); without them there is no reflection. */
  readonly descriptors?: readonly Buffer[] | undefined;
  readonly elapsed?: Elapsed;
  /** Bounds other than {@link GRPC_BOUNDS}. */
  readonly bounds?: Partial<GrpcBounds>;
}

/** Makes the gRPC server, which does not listen yet. */
export function createGrpcServer(deps: GrpcServerDeps): GrpcServer {
  const { rpcs, streamRpcs, pipeline, newRequestId, callLog, credentials, maxConnectionAgeMs, statusMs } =
    deps;
  const { elapsed = monotonic } = deps;
  const bounds = { ...GRPC_BOUNDS, ...deps.bounds };
  const server = new Server({
    // grpc-js has one limit for all RPCs; calls.ts enforces that of each.
    'grpc.max_receive_message_length': Math.max(MAX_REQUEST_BYTES, ...rpcs.map(maxBytesOf)),
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.max_connection_idle_ms': IDLE_MS,
    // Statistics of every call, which nothing here reads.
    'grpc.enable_channelz': 0,
    // Without max_connection_age_grace_ms, which would cut streams off without a status or a resume token.
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

  const services = servicesOf([...rpcs, ...streamRpcs].map(({ codec }) => codec.path));
  const health = addHealth(server, services);
  if (deps.descriptors) addReflection(server, { files: deps.descriptors, services });

  // grpc-js itself has no cap for its connections, and keeps broken ones.
  const injector = server.createConnectionInjector(credentials);
  const http2Server = http2ServerOf(server);
  http2Server.updateSettings({
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    maxHeaderListSize: MAX_HEADER_LIST_BYTES,
  });
  const calls = guardCalls({
    http2Server,
    unaryPaths: new Map([
      ...rpcs.map((rpc) => [rpc.codec.path, maxBytesOf(rpc)] as const),
      ...[HEALTH_CHECK, HEALTH_LIST].map((path) => [path, HEALTH_BYTES] as const),
    ]),
    streamPaths: new Set([...streamRpcs.map(({ codec }) => codec.path), HEALTH_WATCH]),
    bidiPaths: new Map(REFLECTION_PATHS.map((path) => [path, REFLECTION_BYTES])),
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
   * The adapter between grpc-js and the pipeline. It never rejects or throws: grpc-js does not answer a call whose
   * handler rejects, and sends the message of a thrown Error to the caller.
   */
  function unary(rpc: AnyRpc): UntypedHandleCall {
    const toBytes = binaryEncoder(rpc);
    return async (call: ServerUnaryCall<Buffer, unknown>, callback: sendUnaryData<unknown>) => {
      let trailers: Metadata | undefined;
      const accepted = toCall(call, {
        addHeader: (name, value) => headers.add(name, value),
        addTrailer: (name, value) => {
          trailers ??= new Metadata();
          trailers.add(name, value);
        },
      });
      const headers = headersOf(accepted);
      // The headers are sent in one turn with the answer: sent ahead, they would be a packet of their own.
      const answer: typeof callback = (...result) => {
        call.sendMetadata(headers);
        callback(...result);
      };
      let bytes: Buffer;
      try {
        const response = await pipeline.invoke(
          rpc,
          () => readBinary(rpc.method.input, call.request),
          accepted,
        );
        // Encoded here: callers would see grpc-js's own message when it cannot encode an answer.
        bytes = toBytes(response);
      } catch (thrown) {
        const error = toServiceError(thrown);
        if (error !== thrown) callLog.failed(thrown);
        // In the next turn of the event loop, so that the limit of open calls holds for those that come in one read.
        setImmediate(() => {
          const status = toStatus(error);
          if (trailers) status.metadata.merge(trailers);
          answer(status);
        });
        return;
      }
      answer(null, bytes, trailers);
    };
  }

  /** Begins a stream: sends its headers. */
  function accept(call: StreamingCall): Call {
    const accepted = toCall(call);
    call.sendMetadata(headersOf(accepted));
    return accepted;
  }

  function toCall(
    call: ServerUnaryCall<Buffer, unknown> | StreamingCall,
    { addHeader, addTrailer }: Pick<Call, 'addHeader' | 'addTrailer'> = {},
  ): Call {
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
      addHeader,
      addTrailer,
      onGone: (listener) => call.on('cancelled', listener),
      // grpc-js has only certificates that were verified against GRPC_TLS_CLIENT_CA.
      certificateSubject: () => call.getAuthContext().sslPeerCertificate?.subject,
    };
  }

  return {
    listen: connections.listen,

    async close(graceMs) {
      health.stop();
      connections.stop();
      const calls = new Promise<void>((ended) => server.tryShutdown(() => ended()));
      const done = Promise.all([streams.settled(), calls]).then(connections.end);
      // tryShutdown may never call back.
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

/** The maximum size of an RPC's requests, in bytes. */
function maxBytesOf({ maxRequestBytes = MAX_REQUEST_BYTES }: AnyRpc): number {
  return maxRequestBytes;
}

/** The names of the services that have these paths. */
function servicesOf(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => path.split('/')[1] ?? ''))];
}

/** The common part of all RPC definitions. */
function definitionOf(path: string) {
  return {
    path,
    requestStream: false,
    // Bytes in and out: the pipeline's decoder reads requests.
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseDeserialize: passThrough,
  };
}

/** The headers of every answer. */
function headersOf({ requestId }: Call): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  // Replaces grpc-js's own, which names encodings that calls.ts refuses.
  metadata.set('grpc-accept-encoding', 'identity');
  return metadata;
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

/** How long the caller waits. grpc-js has turned its `grpc-timeout` into a time of the system's clock. */
function timeoutOf(deadline: Deadline): number {
  return Number(deadline) - Date.now();
}
