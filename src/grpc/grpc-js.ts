import { EventEmitter } from 'node:events';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { Server, ServerWritableStream } from '@grpc/grpc-js';

/**
 * Access to private members of grpc-js that its API does not offer: its HTTP/2 server and the HTTP/2 streams of calls.
 * The tests fail when a version of grpc-js renames them.
 */

/** A server-streaming call of grpc-js, with encoded messages. */
export type StreamingCall = ServerWritableStream<Buffer, Buffer>;

/** Finds the HTTP/2 server of a gRPC server that has one connection injector and no port of its own. */
export function http2ServerOf(server: Server): Http2Server {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  const [found, ...others]: unknown[] = servers instanceof Map ? [...servers.keys()] : [];
  if (isHttp2Server(found) && others.length === 0) return found;
  throw new Error('grpc-js keeps its HTTP/2 servers elsewhere');
}

/** Finds the HTTP/2 stream of a call, since grpc-js cannot cut off a call whose reader has stopped. */
export function http2StreamOf(call: object): ServerHttp2Stream {
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
