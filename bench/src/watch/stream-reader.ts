import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import * as harness from '@chatsessions/test-harness';
import { type ClientReadableStream, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { ErrorInfoSchema } from 'chatsessions/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from 'chatsessions/gen/protobuf-es/google/rpc/status_pb.js';

/** How a gRPC stream ended. */
export interface StreamEnd {
  /** Such as `RESOURCE_EXHAUSTED`. */
  readonly code: string;
  /** The error code and the metadata of the google.rpc.ErrorInfo, where the status has one. */
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A stream of the service that is being read. */
export type StreamReader<T> = harness.StreamReader<T, StreamEnd>;

/** Reads a stream of the service from now on. */
export function readStream<T>(stream: ClientReadableStream<T>): StreamReader<T> {
  return harness.readStream(stream, toEnd);
}

function toEnd({ code, metadata }: StatusObject): StreamEnd {
  const [packed] = metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(packed) ? fromBinary(StatusSchema, packed).details : [];
  const info = details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema) ?? [])[0];
  return {
    code: grpcStatus[code] ?? String(code),
    reason: info?.metadata['code'],
    metadata: info?.metadata ?? {},
  };
}
