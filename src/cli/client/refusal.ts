import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type ServiceError, status } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../gen/protobuf-es/google/rpc/status_pb.js';
import { CliFailure, EXIT } from '../failure.js';

/** Turns the error of a gRPC call into a failure with the service's own code and violations. */
export function toFailure(error: ServiceError, address: string): CliFailure {
  const details = detailsOf(error);
  const info = details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? [])[0];
  if (info === undefined) return withoutDetails(error, address);
  const code = info.metadata['code'] ?? info.reason.toLowerCase();
  const violations = details
    .flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? [])
    .map(({ field, reason, description }) => ({ field, rule: reason, message: description }));
  return new CliFailure(error.details, exitCodeOf(code), code, violations);
}

function detailsOf(error: ServiceError) {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!Buffer.isBuffer(bytes)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    return [];
  }
}

/** The failure of a call that the service did not answer, or whose answer is not in the form of its errors. */
function withoutDetails(error: ServiceError, address: string): CliFailure {
  const code = (status[error.code] ?? 'unknown').toLowerCase();
  if (error.code === status.UNAVAILABLE) {
    const why = error.details.replace(/\.?\s*Resolution note:\s*$/, '');
    return new CliFailure(`no answer from ${address}: ${why}`, EXIT.unreachable, 'unreachable');
  }
  return new CliFailure(`${address} answers: ${error.details}`, exitCodeOf(code), code);
}

function exitCodeOf(code: string): number {
  if (code === 'unavailable' || code === 'deadline_exceeded') return EXIT.unreachable;
  if (code === 'unauthenticated' || code === 'permission_denied') return EXIT.notAllowed;
  return EXIT.failed;
}
