import { ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';

/** What a call is told that is refused or cut off before it reaches the pipeline. */

/** A message that is packed, or a call that says its messages may be (https://github.com/grpc/grpc/blob/master/doc/compression.md). */
export function compressed(): ServiceError {
  return new ServiceError('unsupported_media_type', 'Compressed messages are not accepted.');
}

/** A message over the limit of all transports. */
export function tooLarge(): ServiceError {
  return new ServiceError('payload_too_large', `A request has at most ${MAX_REQUEST_BYTES} bytes.`);
}

/** A unary call with no message, or several. */
export function notOneMessage(): ServiceError {
  return new ServiceError('invalid_input', 'A request is one message, no more and no less.');
}

/** A `grpc-timeout` that is none (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export function badTimeout(): ServiceError {
  return new ServiceError('invalid_input', 'grpc-timeout is not a timeout of gRPC.');
}

/** A message whose frames hold far more memory than it has bytes. */
export function tooManyFrames(): ServiceError {
  return new ServiceError('payload_too_large', 'The request came in too many small frames.');
}

/** A request that does not end. */
export function tooSlow(requestMs: number): ServiceError {
  return new ServiceError('request_timeout', `The request did not arrive within ${requestMs / 1000} s.`);
}

/** An answer that is not taken. */
export function readerTooSlow(answerMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `The answer was not taken within ${answerMs / 1000} s.`);
}

/** The oldest of too many requests that have not arrived. */
export function crowded(): ServiceError {
  return new ServiceError('unavailable', 'Too many requests are arriving at once.', { retryAfterSeconds: 1 });
}
