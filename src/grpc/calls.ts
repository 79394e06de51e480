import {
  constants,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { GrpcStatus, ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';
import type { GrpcBounds } from './bounds.js';
import { toStatus } from './status.js';

/** A message is one flag and four bytes of length, then itself. */
const PREFIX_BYTES = 5;
/** What a call costs beside its message, in bytes: measured, rounded up. */
const CALL_BYTES = 16 * 1024;
/**
 * The most memory that one call may hold whose request is still arriving, in bytes. Each frame of a message keeps the
 * whole read that it came in, 64 KiB at most: a message of 64 KiB in the usual frames of 16 KiB stays below 400 KiB.
 */
const MAX_HELD_BYTES_PER_CALL = 4 * 1024 * 1024;

/** What guarding calls needs. */
export interface CallGuardDeps {
  readonly http2Server: Http2Server;
  /** The paths of the RPCs whose answer is a stream: they look after a reader that has stopped themselves. */
  readonly streamPaths: ReadonlySet<string>;
  /** Told why a call was refused or cut off before it reached the pipeline. */
  readonly onRefused: (error: ServiceError) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly bounds: Pick<GrpcBounds, 'requestMs' | 'answerMs' | 'maxHeldBytes'>;
}

/** The guard of a server's calls. */
export interface CallGuard {
  /** Cuts off the calls that took too long; to be called every second or so. @returns the sessions with open calls */
  readonly sweep: () => ReadonlySet<Http2Session>;
}

interface OpenCall {
  readonly stream: ServerHttp2Stream;
  readonly isStream: boolean;
  readonly openedAt: number;
  /** How many bytes have arrived of the request, and how long its prefix says that its message is. */
  received: number;
  declared: number;
  /** What the request holds in memory, in bytes. */
  held: number;
  /** When it was first seen to have an answer. */
  answeredAt: number | undefined;
}

/**
 * Stands in front of grpc-js, and bounds what a call costs before anybody is asked who they are: grpc-js would unpack
 * messages without asking, and waits for a message for ever.
 */
export function guardCalls(deps: CallGuardDeps): CallGuard {
  const { http2Server, streamPaths, onRefused, now } = deps;
  const { requestMs, answerMs, maxHeldBytes } = deps.bounds;
  /** The calls whose request is not complete, oldest first. */
  const arriving = new Set<OpenCall>();
  /** The calls with a complete request, until they are closed. */
  const complete = new Set<OpenCall>();
  let held = 0;

  const serve = http2Server.listeners('stream');
  http2Server.removeAllListeners('stream');
  http2Server.on('stream', (stream, headers, ...rest) => {
    // Its 'close' follows, and is what counts.
    stream.on('error', () => {});
    if (!isPlain(headers)) {
      refuse(stream, compressed(), GrpcStatus.UNIMPLEMENTED);
      return;
    }
    watch(stream, streamPaths.has(headers[':path'] ?? ''));
    for (const listener of serve) Reflect.apply(listener, http2Server, [stream, headers, ...rest]);
  });

  /** Follows a call from its headers to its end. */
  function watch(stream: ServerHttp2Stream, isStream: boolean): void {
    const call: OpenCall = {
      stream,
      isStream,
      openedAt: now(),
      received: 0,
      declared: 0,
      held: 0,
      answeredAt: undefined,
    };
    arriving.add(call);
    hold(call, CALL_BYTES);
    // Before grpc-js's own listener, which finds the stream closed after a refusal and drops the bytes.
    stream.on('data', (bytes: Buffer) => onBytes(call, bytes));
    stream.once('end', () => {
      release(call);
      if (!stream.closed) complete.add(call);
    });
    stream.once('close', () => {
      release(call);
      complete.delete(call);
    });
    for (const oldest of arriving) {
      if (held <= maxHeldBytes) break;
      cutOff(oldest, crowded());
    }
  }

  function onBytes(call: OpenCall, bytes: Buffer): void {
    if (call.stream.closed) return;
    const { received } = call;
    for (let at = received; at < PREFIX_BYTES && at - received < bytes.length; at++) {
      if (at > 0) call.declared = call.declared * 256 + (bytes[at - received] ?? 0);
    }
    call.received += bytes.length;
    if (arriving.has(call)) hold(call, bytes.buffer.byteLength);

    const isLengthKnown = call.received >= PREFIX_BYTES && call.declared <= MAX_REQUEST_BYTES;
    // What stands for "compressed" in a message of a call that has not said how.
    if (received === 0 && bytes[0] !== 0) cutOff(call, compressed(), GrpcStatus.INTERNAL);
    // grpc-js would take up all messages of a frame, thousands of empty ones, before it refuses the second.
    else if (isLengthKnown && call.received > PREFIX_BYTES + call.declared)
      cutOff(call, severalMessages(), GrpcStatus.UNIMPLEMENTED);
    else if (call.received > PREFIX_BYTES + MAX_REQUEST_BYTES) cutOff(call, tooLarge());
    else if (call.held > MAX_HELD_BYTES_PER_CALL) cutOff(call, tooManyFrames());
  }

  function hold(call: OpenCall, bytes: number): void {
    call.held += bytes;
    held += bytes;
  }

  function release(call: OpenCall): void {
    if (arriving.delete(call)) held -= call.held;
  }

  /**
   * Refuses a call that is under way. It is not looked at again: on a broken connection it stays open until that is
   * closed.
   */
  function cutOff(call: OpenCall, error: ServiceError, code?: number): void {
    release(call);
    complete.delete(call);
    // At the end of the request grpc-js hands what it has to the handler, though the stream is closed.
    call.stream.removeAllListeners('end');
    refuse(call.stream, error, code);
  }

  /** Answers a call with an error alone, unless it has an answer, and closes it. */
  function refuse(stream: ServerHttp2Stream, error: ServiceError, code?: number): void {
    onRefused(error);
    if (!stream.headersSent && !stream.closed && !stream.destroyed) {
      const { metadata, ...status } = toStatus(error, code);
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc+proto',
          'grpc-status': status.code,
          'grpc-message': encodeURI(status.details),
          'grpc-accept-encoding': 'identity',
          ...metadata.toHttp2Headers(),
        },
        { endStream: true },
      );
    }
    // The client need not send the rest (https://www.rfc-editor.org/rfc/rfc9113#section-8.1-9).
    stream.close(constants.NGHTTP2_NO_ERROR);
  }

  return {
    sweep() {
      const time = now();
      for (const call of arriving) {
        if (time - call.openedAt < requestMs) break;
        cutOff(call, tooSlow(requestMs));
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

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding'];
  return encoding === undefined || encoding === 'identity';
}

function compressed(): ServiceError {
  return new ServiceError('unsupported_media_type', 'Compressed messages are not accepted.');
}

function tooLarge(): ServiceError {
  return new ServiceError('payload_too_large', `A request has at most ${MAX_REQUEST_BYTES} bytes.`);
}

function severalMessages(): ServiceError {
  return new ServiceError('invalid_input', 'A request is one message.');
}

function tooManyFrames(): ServiceError {
  return new ServiceError('payload_too_large', 'The request came in too many small frames.');
}

function tooSlow(requestMs: number): ServiceError {
  return new ServiceError('request_timeout', `The request did not arrive within ${requestMs / 1000} s.`);
}

function readerTooSlow(answerMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `The answer was not taken within ${answerMs / 1000} s.`);
}

function crowded(): ServiceError {
  return new ServiceError('unavailable', 'Too many requests are arriving at once.', { retryAfterSeconds: 1 });
}
