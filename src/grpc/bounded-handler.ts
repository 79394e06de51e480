import { Metadata, type ServerWritableStream, type UntypedHandleCall } from '@grpc/grpc-js';
import { ServiceError } from '../rpc/errors.js';
import { http2StreamOf } from './grpc-js.js';
import { toStatus } from './status.js';

/** A call of a handler that a library brings: its message types are the library's. */
export type LibraryCall = ServerWritableStream<unknown, unknown>;

/**
 * Wraps a handler of a library, whose calls do not pass the pipeline: limits its open calls to `maxOpen`, and names
 * only the encoding that calls.ts accepts.
 */
export function boundHandler(handler: UntypedHandleCall, maxOpen: number): UntypedHandleCall {
  let open = 0;
  return (call: LibraryCall, ...rest: unknown[]) => {
    if (open >= maxOpen) {
      call.emit('error', toStatus(tooManyOpen()));
      return;
    }
    const stream = http2StreamOf(call);
    if (stream.destroyed) return;
    open += 1;
    stream.once('close', () => {
      open -= 1;
    });
    const headers = new Metadata();
    headers.set('grpc-accept-encoding', 'identity');
    call.sendMetadata(headers);
    Reflect.apply(handler, undefined, [call, ...rest]);
  };
}

function tooManyOpen(): ServiceError {
  return new ServiceError('unavailable', 'Too many calls of this RPC are open.', { retryAfterSeconds: 1 });
}
