import { EventEmitter } from 'node:events';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { Server, ServerWritableStream } from '@grpc/grpc-js';

/**
 * What grpc-js keeps to itself and has no other way to: its HTTP/2 server and the streams of its calls. Tests notice
 * when another version of it keeps them elsewhere.
 */

/** A call whose answer is a stream, as grpc-js gives it to us: bytes go through it. */
export type StreamingCall = ServerWritableStream<Buffer, Buffer>;

/** The HTTP/2 server of a gRPC server that has one connection injector, and listens nowhere itself. */
export function http2ServerOf(server: Server): Http2Server {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  const [found, ...others]: unknown[] = servers instanceof Map ? [...servers.keys()] : [];
  if (isHttp2Server(found) && others.length === 0) return found;
  throw new Error('grpc-js keeps its HTTP/2 servers elsewhere');
}

/** The HTTP/2 stream beneath a call: grpc-js cannot cut off a call whose reader has stopped. */
export function http2StreamOf(call: StreamingCall): ServerHttp2Stream {
  const inner: unknown = Reflect.get(call, 'call');
  const stream: unknown =
    typeof inner === 'object' && inner !== null ? Reflect.get(inner, 'stream') : undefined;
  if (isHttp2Stream(stream)) return stream;
  throw new Error('grpc-js keeps the HTTP/2 stream of a call elsewhere');
}

function isHttp2Server(value: unknown): value is Http2Server {
  return value instanceof EventEmitter && 'updateSettings' in value && value.listenerCount('stream') === 1;
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return value instanceof Duplex && 'rstCode' in value && 'close' in value;
}
