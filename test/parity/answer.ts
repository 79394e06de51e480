import type { IncomingHttpHeaders } from 'node:http';
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { connectErrorDetails, type ErrorDetails, grpcErrorDetails } from '../harness/error-details.js';

/** An answer, brought to one form whatever carried it. */
export interface Answer {
  /** HTTP status, where there is one. */
  readonly status?: number;
  /** gRPC's or Connect's code, as SCREAMING_SNAKE_CASE; OK for none. */
  readonly code?: string;
  /** The code of the error table. */
  readonly reason?: string;
  /** The field paths of broken rules (proto paths on gRPC), and their rule ids (on Connect and gRPC in UPPER_SNAKE). */
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
  const json: { code?: string; details?: unknown } = raw === '' ? {} : JSON.parse(raw);
  return {
    status,
    ...(json.code && { code: json.code.toUpperCase() }),
    ...partsOf(connectErrorDetails(json.details)),
    headers,
    raw,
  };
}

/** A refusal over gRPC. */
export function grpcRefusal(error: ServiceError): Answer {
  const [packed] = error.metadata?.get('grpc-status-details-bin') ?? [];
  return {
    code: grpcStatus[error.code] ?? String(error.code),
    ...partsOf(grpcErrorDetails(packed)),
    headers: {},
    raw: `${error.code} ${error.details}`,
  };
}

function partsOf({ reason, metadata, violations }: ErrorDetails) {
  return {
    ...(reason !== undefined && {
      reason,
      httpStatus: metadata['http_status'] ?? '',
      details: metadata,
    }),
    ...(violations && {
      violations: violations.map(({ field }) => field),
      rules: violations.map((violation) => violation.reason),
    }),
  };
}
