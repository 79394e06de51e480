import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type ClientReadableStream, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { ErrorInfoSchema } from 'chatsessions/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from 'chatsessions/gen/protobuf-es/google/rpc/status_pb.js';

/** How a gRPC stream ended. */
export interface StreamEnd {
  /** Such as `RESOURCE_EXHAUSTED`. */
  readonly code: string;
  /** The reason and the metadata of the google.rpc.ErrorInfo, where the status has one. */
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A gRPC stream whose messages are kept. */
export interface StreamReader<T> {
  /** The messages so far. */
  readonly messages: readonly T[];
  /** Resolves with the first message. */
  readonly first: Promise<T>;
  readonly ended: Promise<StreamEnd>;
  /** Stops reading while the connection stays, as a program does that hangs. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** Reads a stream from now on. */
export function readStream<T>(stream: ClientReadableStream<T>): StreamReader<T> {
  const messages: T[] = [];
  const ended = new Promise<StreamEnd>((resolve) => {
    stream.on('status', (status: StatusObject) => resolve(toEnd(status)));
  });
  const first = new Promise<T>((resolve, reject) => {
    stream.once('data', resolve);
    void ended.then(({ code }) =>
      reject(new Error(`the stream ended with ${code} before its first message`)),
    );
  });
  // Nobody waits for it on streams that are only read.
  first.catch(() => {});
  // An error without a listener is thrown; the status says the same.
  stream.on('error', () => {});
  stream.on('data', (message: T) => messages.push(message));
  return {
    messages,
    first,
    ended,
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    cancel: () => stream.cancel(),
  };
}

function toEnd({ code, metadata }: StatusObject): StreamEnd {
  const [packed] = metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(packed) ? fromBinary(StatusSchema, packed).details : [];
  const info = details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema) ?? [])[0];
  return { code: grpcStatus[code] ?? String(code), reason: info?.reason, metadata: info?.metadata ?? {} };
}
