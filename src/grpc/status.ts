import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { StatusSchema } from '../gen/protobuf-es/google/rpc/status_pb.js';
import { errorDetails } from '../rpc/error-details.js';
import { errorTable, type ServiceError } from '../rpc/errors.js';

/**
 * The error as grpc-js sends it: status, sentence, and google.rpc.Status with the details in the trailers. `code` is
 * another status than the table's, where gRPC itself demands one.
 */
export function toStatus(error: ServiceError, code: number = errorTable[error.code].grpc) {
  const details = errorDetails(error).map(({ desc, value }) => anyPack(desc, value));
  const status = create(StatusSchema, { code, message: error.message, details });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: error.message, metadata };
}
