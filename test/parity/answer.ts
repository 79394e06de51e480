import type { IncomingHttpHeaders } from 'node:http';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
} from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';

/** An answer, brought to one form whatever carried it. */
export interface Answer {
  /** HTTP status, where there is one. */
  readonly status?: number;
  /** gRPC's or Connect's code, as SCREAMING_SNAKE_CASE; OK for none. */
  readonly code?: string;
  /** The code of the error table. */
  readonly reason?: string;
  /** The field paths of broken rules, and the ids of these rules. */
  readonly violations?: readonly string[];
  readonly rules?: readonly string[];
  /** `details` of the public path; on Connect and gRPC the metadata of the ErrorInfo. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** `metadata.http_status` of the ErrorInfo. */
  readonly httpStatus?: string;
  /** What was answered, as the public path has it. */
  readonly body?: unknown;
  readonly headers: IncomingHttpHeaders;
  /** Everything that came back, for messages. */
  readonly raw: string;
}

/** An answer of the public path. */
export function publicAnswer(status: number, headers: IncomingHttpHeaders, raw: string): Answer {
  const json = raw === '' ? {} : JSON.parse(raw);
  const violations: { field: string; rule: string }[] | undefined = json.details?.violations;
  return {
    status,
    reason: json.error,
    ...(violations && {
      violations: violations.map(({ field }) => field),
      rules: violations.map(({ rule }) => rule),
    }),
    ...(json.details && { details: json.details }),
    body: json,
    headers,
    raw,
  };
}

/** A refusal over Connect. */
export function connectRefusal(status: number, headers: IncomingHttpHeaders, raw: string): Answer {
  const json: { code?: string; details?: { type: string; value: string }[] } =
    raw === '' ? {} : JSON.parse(raw);
  const details = (json.details ?? []).map(({ type, value }) => ({
    type,
    value: Buffer.from(value, 'base64'),
  }));
  const infos = details.filter(({ type }) => type === ErrorInfoSchema.typeName);
  const requests = details.filter(({ type }) => type === BadRequestSchema.typeName);
  return {
    status,
    ...(json.code && { code: json.code.toUpperCase() }),
    ...detailsOf(
      infos.map(({ value }) => fromBinary(ErrorInfoSchema, value)),
      requests.map(({ value }) => fromBinary(BadRequestSchema, value)),
    ),
    headers,
    raw,
  };
}

/** A refusal over gRPC. */
export function grpcRefusal(error: ServiceError): Answer {
  const [packed] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = packed === undefined ? [] : fromBinary(StatusSchema, Buffer.from(packed)).details;
  return {
    code: grpcStatus[error.code] ?? String(error.code),
    ...detailsOf(
      details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? []),
      details.flatMap((any) => anyUnpack(any, BadRequestSchema) ?? []),
    ),
    headers: {},
    raw: `${error.code} ${error.details}`,
  };
}

function detailsOf([info]: readonly ErrorInfo[], [request]: readonly BadRequest[]) {
  return {
    ...(info && {
      reason: info.reason,
      httpStatus: info.metadata['http_status'] ?? '',
      details: info.metadata,
    }),
    ...(request && {
      violations: request.fieldViolations.map(({ field }) => field),
      rules: request.fieldViolations.map(({ reason }) => reason),
    }),
  };
}
