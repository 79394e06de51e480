import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type ClientReadableStream, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { ErrorInfoSchema } from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';

/** How a gRPC stream ended. */
export interface StreamEnd {
  /** gRPC's code, as SCREAMING_SNAKE_CASE. */
  readonly code: string;
  /** The code of the error table. */
  readonly reason: string | undefined;
  /** The metadata of its ErrorInfo. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A gRPC stream that is being read. */
export interface StreamReader<T> {
  /** What came so far. */
  readonly messages: readonly T[];
  readonly ended: Promise<StreamEnd>;
  /** Resolves once so many messages have come; rejects when the stream ends before. */
  readonly came: (count: number) => Promise<readonly T[]>;
  /** Stops reading, as a program does that hangs: the connection stays. */
  readonly stop: () => void;
  readonly goOn: () => void;
  readonly cancel: () => void;
}

/** Reads a stream from now on. */
export function readStream<T>(stream: ClientReadableStream<T>): StreamReader<T> {
  const messages: T[] = [];
  const ended = new Promise<StreamEnd>((resolve) => {
    stream.on('status', (status: StatusObject) => resolve(toEnd(status)));
  });
  // Without a listener it would be thrown; the status says the same.
  stream.on('error', () => {});
  stream.on('data', (message: T) => messages.push(message));
  return {
    messages,
    ended,
    came: (count) =>
      new Promise((resolve, reject) => {
        const look = () => messages.length >= count && resolve(messages);
        stream.on('data', look);
        look();
        ended.then(
          (end) => reject(new Error(`${messages.length} messages, then ${JSON.stringify(end)}`)),
          reject,
        );
      }),
    stop: () => stream.pause(),
    goOn: () => stream.resume(),
    cancel: () => stream.cancel(),
  };
}

function toEnd({ code, metadata }: StatusObject): StreamEnd {
  const [packed] = metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(packed) ? fromBinary(StatusSchema, packed).details : [];
  const info = details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema) ?? [])[0];
  return { code: grpcStatus[code] ?? String(code), reason: info?.reason, metadata: info?.metadata ?? {} };
}
