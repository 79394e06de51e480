import { constants, type ServerHttp2Stream } from 'node:http2';
import { ServiceError } from '../rpc/errors.js';
import { toStatus } from './status.js';

/** Answers a call with an error alone (Trailers-Only), unless it has an answer, and closes it. */
export function answerError(stream: ServerHttp2Stream, error: ServiceError, code?: number): void {
  if (stream.closed || stream.destroyed) return;
  if (!stream.headersSent) {
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
  // With this code the client need not send the rest of its request
  // (https://www.rfc-editor.org/rfc/rfc9113#section-8.1-9).
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Refuses a call or a message that is flagged as compressed. */
export function compressed(): ServiceError {
  return new ServiceError('unsupported_encoding', 'Compressed messages are not accepted.');
}

/** Refuses a message over the size limit of its RPC. */
export function tooLarge(maxBytes: number): ServiceError {
  return new ServiceError('payload_too_large', `A request has at most ${maxBytes} bytes.`);
}

/** Refuses a request that is not exactly one whole message. */
export function notOneMessage(): ServiceError {
  return new ServiceError('invalid_input', 'A request is one message, no more and no less.');
}

/** Refuses a malformed `grpc-timeout`. */
export function badTimeout(): ServiceError {
  return new ServiceError('invalid_input', 'grpc-timeout is not a timeout of gRPC.');
}

/** Refuses a message whose frames hold far more memory than it has bytes. */
export function tooManyFrames(): ServiceError {
  return new ServiceError('payload_too_large', 'The request came in too many small frames.');
}

/** Refuses a request that has not arrived after `requestMs`. */
export function tooSlow(requestMs: number): ServiceError {
  return new ServiceError('request_timeout', `The request did not arrive within ${requestMs / 1000} s.`);
}

/** Gives up a unary answer that was not read within `answerMs`. */
export function readerTooSlow(answerMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `The answer was not taken within ${answerMs / 1000} s.`);
}

/** Refuses one of the oldest unfinished requests, when all of them hold too much memory. */
export function crowded(): ServiceError {
  return new ServiceError('unavailable', 'Too many requests are arriving at once.', { retryAfterSeconds: 1 });
}
