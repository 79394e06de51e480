import {
  constants,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { GrpcStatus, type ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';
import type { Elapsed } from '../time/elapsed.js';
import type { GrpcBounds } from './bounds.js';
import {
  answerError,
  badTimeout,
  compressed,
  crowded,
  notOneMessage,
  readerTooSlow,
  tooLarge,
  tooManyFrames,
  tooSlow,
} from './refusals.js';

/** The prefix of a message: a flag for compression, and the length in four bytes. */
const PREFIX_BYTES = 5;
/** The memory of a call without its message, in bytes: measured, rounded up. */
const CALL_BYTES = 16 * 1024;
/**
 * The most memory that one call with an unfinished request may hold, in bytes, and five times what its
 * message may be longer than others.
 * Each frame of a message keeps the whole read that it came in, 64 KiB at most: a message of 64 KiB in the usual frames
 * of 16 KiB stays below 400 KiB, and longer ones below four times their length.
 */
const MAX_HELD_BYTES_PER_CALL = 4 * 1024 * 1024;

/** A `grpc-timeout` (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests). */
const TIMEOUT = /^\d{1,8}[HMSmun]$/;

/** What {@link guardCalls} needs. */
export interface CallGuardDeps {
  readonly http2Server: Http2Server;
  /** The paths of the unary RPCs, each with the maximum size of a request, in bytes. */
  readonly unaryPaths: ReadonlyMap<string, number>;
  /** The paths of the server-streaming RPCs. */
  readonly streamPaths: ReadonlySet<string>;
  /** The paths of the RPCs whose request is a stream, each with the maximum size of all its messages, in bytes. */
  readonly bidiPaths: ReadonlyMap<string, number>;
  /** Called for each call that was refused or cut off before it reached the pipeline. */
  readonly onRefused: (error: ServiceError) => void;
  readonly elapsed: Elapsed;
  readonly bounds: Pick<GrpcBounds, 'requestMs' | 'answerMs' | 'maxHeldBytes'>;
}

/** The guard of a server's calls. */
export interface CallGuard {
  /** Cuts off the calls that took too long; to be called every second or so. @returns the sessions with open calls */
  readonly sweep: () => ReadonlySet<Http2Session>;
}

interface OpenCall {
  readonly stream: ServerHttp2Stream;
  /** Whether its answer is a stream, which has its own limit for a reader that has stopped. */
  readonly isStream: boolean;
  /** The maximum size of all messages, when its request is a stream. */
  readonly maxStreamBytes: number | undefined;
  readonly openedAt: number;
  /** The maximum length of the message. */
  readonly maxBytes: number;
  /** The bytes that have arrived of the request, and the length of its message by its prefix. */
  received: number;
  declared: number;
  /** The memory of the request, in bytes. */
  held: number;
  isRefused: boolean;
  /** The time of the first sweep that found it answered. */
  answeredAt: number | undefined;
}

/**
 * Limits what calls cost before their caller is authenticated. grpc-js by itself would decompress any message, and wait
 * for a message without a time limit; behind this guard it gets requests of exactly one uncompressed message.
 *
 * Refusals are answered in the next turn of the event loop. Until then a call counts as open, so that the limit of open
 * calls also holds for the thousands of calls that can come in one read.
 */
export function guardCalls(deps: CallGuardDeps): CallGuard {
  const { http2Server, unaryPaths, streamPaths, bidiPaths, onRefused, elapsed } = deps;
  const { requestMs, answerMs, maxHeldBytes } = deps.bounds;
  /** The calls whose request is not complete, oldest first. */
  const arriving = new Set<OpenCall>();
  /** The calls with a complete request, until they are closed. */
  const complete = new Set<OpenCall>();
  let held = 0;

  const listeners = http2Server.listeners('stream');
  http2Server.removeAllListeners('stream');
  http2Server.on('stream', (stream, headers, ...rest) => {
    const path = headers[':path'] ?? '';
    const call: OpenCall = {
      stream,
      isStream: streamPaths.has(path),
      maxStreamBytes: bidiPaths.get(path),
      maxBytes: unaryPaths.get(path) ?? MAX_REQUEST_BYTES,
      openedAt: elapsed(),
      received: 0,
      declared: 0,
      held: 0,
      isRefused: false,
      answeredAt: undefined,
    };
    arriving.add(call);
    hold(call, CALL_BYTES);
    // The 'close' that follows an error does the work.
    stream.on('error', noop);
    // `on`, here and below, for events that come once: `once` costs two more objects per call.
    stream.on('close', () => {
      release(call);
      complete.delete(call);
    });
    if (!isPlain(headers)) refuse(call, compressed());
    else if (!TIMEOUT.test(headers['grpc-timeout']?.toString() ?? '1S')) refuse(call, badTimeout());
    else if (call.isStream || unaryPaths.has(path)) serve(call, headers, rest);
    // grpc-js refuses an unknown path.
    else setImmediate(serve, call, headers, rest);

    for (const oldest of arriving) {
      if (held <= maxHeldBytes) break;
      refuse(oldest, crowded());
    }
  });

  /** Hands a call to grpc-js, and puts the guard between its stream and grpc-js. */
  function serve(call: OpenCall, headers: IncomingHttpHeaders, rest: unknown[]): void {
    const { stream } = call;
    if (stream.closed || stream.destroyed) return;
    for (const listener of listeners) Reflect.apply(listener, http2Server, [stream, headers, ...rest]);
    const onData = stream.listeners('data');
    const onEnd = stream.listeners('end');
    stream.removeAllListeners('data');
    stream.removeAllListeners('end');
    stream.on('data', (bytes: Buffer) => {
      if (!admit(call, bytes)) return;
      for (const listener of onData) Reflect.apply(listener, stream, [bytes]);
    });
    stream.on('end', () => {
      if (call.isRefused) return;
      release(call);
      const isShort = call.received < PREFIX_BYTES + call.declared || call.received === 0;
      if (isShort && call.maxStreamBytes === undefined) {
        refuse(call, notOneMessage(), GrpcStatus.UNIMPLEMENTED);
        return;
      }
      if (!stream.closed) complete.add(call);
      for (const listener of onEnd) Reflect.apply(listener, stream, []);
    });
  }

  /** Counts bytes of a request. @returns whether grpc-js may have them */
  function admit(call: OpenCall, bytes: Buffer): boolean {
    if (call.isRefused) return false;
    const { received } = call;
    for (let at = received; at < PREFIX_BYTES && at - received < bytes.length; at++) {
      if (at > 0) call.declared = call.declared * 256 + (bytes[at - received] ?? 0);
    }
    call.received += bytes.length;
    hold(call, bytes.buffer.byteLength);
    // The flag for compression, in a call whose headers name none.
    if (received === 0 && bytes[0] !== 0) refuse(call, compressed(), GrpcStatus.INTERNAL);
    else if (call.maxStreamBytes !== undefined) {
      // The time limit of a request is that of the whole stream.
      if (call.received > call.maxStreamBytes) refuse(call, tooLarge(call.maxStreamBytes));
    } else if (call.received < PREFIX_BYTES) return true;
    else if (call.declared > call.maxBytes) refuse(call, tooLarge(call.maxBytes));
    else if (call.received > PREFIX_BYTES + call.declared)
      refuse(call, notOneMessage(), GrpcStatus.UNIMPLEMENTED);
    else if (call.held > MAX_HELD_BYTES_PER_CALL + 5 * (call.maxBytes - MAX_REQUEST_BYTES))
      refuse(call, tooManyFrames());
    return !call.isRefused;
  }

  function hold(call: OpenCall, bytes: number): void {
    if (!arriving.has(call)) return;
    call.held += bytes;
    held += bytes;
  }

  function release(call: OpenCall): void {
    if (arriving.delete(call)) held -= call.held;
  }

  /** Ends a call in the next turn of the event loop, with an error unless it has an answer. */
  function refuse(call: OpenCall, error: ServiceError, code?: number): void {
    // Forgotten here already, since on a broken connection its stream never closes.
    release(call);
    complete.delete(call);
    call.isRefused = true;
    onRefused(error);
    setImmediate(() => answerError(call.stream, error, code));
  }

  return {
    sweep() {
      const time = elapsed();
      for (const call of arriving) {
        if (time - call.openedAt < requestMs) break;
        refuse(call, tooSlow(requestMs));
      }
      const busy = new Set<Http2Session>();
      for (const { stream } of arriving) if (stream.session) busy.add(stream.session);
      for (const call of complete) {
        const { stream, isStream } = call;
        if (stream.session) busy.add(stream.session);
        if (isStream || !stream.headersSent) continue;
        call.answeredAt ??= time;
        if (time - call.answeredAt < answerMs) continue;
        complete.delete(call);
        onRefused(readerTooSlow(answerMs));
        stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
      return busy;
    },
  };
}

function noop(): void {}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding'];
  return encoding === undefined || encoding === 'identity';
}
