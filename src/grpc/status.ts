import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { StatusSchema } from '../gen/protobuf-es/google/rpc/status_pb.js';
import { errorDetails } from '../rpc/error-details.js';
import { errorTable, type ServiceError } from '../rpc/errors.js';

/**
 * Makes the status that grpc-js sends for an error: code, message, and google.rpc.Status with the details in the
 * trailers. `code` replaces the table's status where gRPC itself demands another.
 */
export function toStatus(error: ServiceError, code: number = errorTable[error.code].grpc) {
  const details = errorDetails(error, 'engine').map(({ desc, value }) => anyPack(desc, value));
  const status = create(StatusSchema, { code, message: error.message, details });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: error.message, metadata };
}
