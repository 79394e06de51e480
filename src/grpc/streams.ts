import { constants } from 'node:http2';
import type { UntypedHandleCall } from '@grpc/grpc-js';
import type { Call } from '../rpc/call.js';
import { readBinary } from '../rpc/decode/decode.js';
import { toServiceError } from '../rpc/errors.js';
import type { Pipeline } from '../rpc/invoke.js';
import type { AnyStreamRpc } from '../rpc/rpc.js';
import { http2StreamOf, type StreamingCall } from './grpc-js.js';
import { toStatus } from './status.js';

/** How long a status may wait for its reader, in ms: it comes behind the messages, and is taken after them. */
const STATUS_MS = 30_000;
/** The same when the process stops. */
const LAST_STATUS_MS = 1_000;

/** The streams of a gRPC server. */
export interface Streams {
  /** The adapter between grpc-js and the pipeline for one RPC. */
  readonly serve: (rpc: AnyStreamRpc) => UntypedHandleCall;
  /** Resolves when nothing is under way of the streams that are open; the pipeline has ended them before. */
  readonly settled: () => Promise<void>;
}

/** What serving streams needs. */
export interface StreamsDeps {
  readonly pipeline: Pick<Pipeline, 'invokeStream'>;
  /** Begins a call: what is known of it. */
  readonly accept: (call: StreamingCall) => Call;
  /** How long a status may wait for a reader that has stopped, in ms. */
  readonly statusMs?: number;
}

/** An open stream: until its last byte is taken, or it is cut off. */
interface Open {
  readonly done: Promise<void>;
  readonly cutOff: () => void;
}

/** Serves RPCs whose answer is a stream, one message at a time: the next is made when the reader has room for it. */
export function createStreams({ pipeline, accept, statusMs = STATUS_MS }: StreamsDeps): Streams {
  const streams = new Set<Open>();

  return {
    serve: (rpc) => (call: StreamingCall) => {
      const http2Stream = http2StreamOf(call);
      // A reader that has stopped would keep its stream for ever. This code is the one that clients read as
      // RESOURCE_EXHAUSTED (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
      const cutOff = () => http2Stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);

      const done = run(rpc, call).then(() => {
        if (http2Stream.closed) return;
        const timer = setTimeout(cutOff, statusMs);
        http2Stream.once('close', () => clearTimeout(timer));
      });
      const stream = { done, cutOff };
      streams.add(stream);
      http2Stream.once('close', () => done.then(() => streams.delete(stream)));
    },

    async settled() {
      const open = [...streams];
      setTimeout(() => {
        for (const { cutOff } of streams) cutOff();
      }, LAST_STATUS_MS).unref();
      await Promise.all(open.map(({ done }) => done));
    },
  };

  /** Runs a call to its status. It never rejects. */
  async function run(rpc: AnyStreamRpc, call: StreamingCall): Promise<void> {
    try {
      await pipeline.invokeStream(
        rpc,
        () => readBinary(rpc.method.input, call.request),
        accept(call),
        // grpc-js calls back when HTTP/2's flow control has let all of the message go: a reader that stops has at
        // most its window of it. After the call ends the callback never fires; the call's signal covers that.
        async (response) => {
          const bytes = rpc.codec.responseSerialize(response);
          await new Promise<void>((resolve) => call.write(bytes, () => resolve()));
        },
      );
      call.end();
    } catch (thrown) {
      // In the next turn, as a unary call.
      await new Promise((resolve) => setImmediate(resolve));
      call.emit('error', toStatus(toServiceError(thrown)));
    }
  }
}
