import * as harness from '@chatsessions/test-harness';
import { type ClientReadableStream, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { grpcErrorDetails } from './error-details.js';

/** How a gRPC stream ended. */
export interface StreamEnd {
  /** gRPC's code, as SCREAMING_SNAKE_CASE. */
  readonly code: string;
  /** The code of the error table. */
  readonly reason: string | undefined;
  /** The metadata of its ErrorInfo. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A stream of the service that is being read. */
export type StreamReader<T> = harness.StreamReader<T, StreamEnd>;

/** Reads a stream of the service from now on. */
export function readStream<T>(stream: ClientReadableStream<T>): StreamReader<T> {
  return harness.readStream(stream, toEnd);
}

function toEnd({ code, metadata }: StatusObject): StreamEnd {
  const details = grpcErrorDetails(metadata.get('grpc-status-details-bin')[0]);
  return { code: grpcStatus[code] ?? String(code), reason: details.reason, metadata: details.metadata };
}
