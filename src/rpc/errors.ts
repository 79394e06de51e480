/**
 * The error table: every error code that a caller can see, on every surface. Handlers throw a {@link ServiceError} with
 * a code of this table; only the edges translate it to a status.
 */

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/); Connect's codes have the same numbers. */
export const GrpcStatus = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** The statuses of one error code. */
interface ErrorRow {
  readonly http: number;
  readonly grpc: number;
}

/** The HTTP status and the gRPC status of each code. */
export const errorTable = {
  /** The request is malformed: `violations` names the field, where the fault has one. */
  invalid_input: { http: 400, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** One or more rules are broken. The engine surface names it `invalid_input` (see error-details.ts). */
  validation_failed: { http: 422, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** The widget key does not exist, is disabled, or is past its end: one answer for all three. */
  widget_disabled: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  origin_not_allowed: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  /** The customer token is not valid, or is missing where the widget key requires one. */
  identity_not_verified: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  /** The session token is malformed, forged or expired (`details.cause: expired`), or its session has ended. */
  invalid_session_token: { http: 401, grpc: GrpcStatus.UNAUTHENTICATED },
  /** The engine caller has neither a known engine token nor a known client certificate. */
  unauthenticated: { http: 401, grpc: GrpcStatus.UNAUTHENTICATED },
  /** The engine caller does not have the scope or the tenant. */
  permission_denied: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  not_found: { http: 404, grpc: GrpcStatus.NOT_FOUND },
  method_not_allowed: { http: 405, grpc: GrpcStatus.UNIMPLEMENTED },
  request_timeout: { http: 408, grpc: GrpcStatus.DEADLINE_EXCEEDED },
  /** A name or a public key that must be new is taken. */
  already_exists: { http: 409, grpc: GrpcStatus.ALREADY_EXISTS },
  /** The idempotency key was used before: for another request, or its window or its session is over (`details.cause`). */
  idempotency_conflict: { http: 409, grpc: GrpcStatus.ALREADY_EXISTS },
  /** The conversation has ended and cannot be changed. */
  conversation_ended: { http: 409, grpc: GrpcStatus.FAILED_PRECONDITION },
  /** What is changed does not have the revision that the caller expects. */
  revision_mismatch: { http: 409, grpc: GrpcStatus.ABORTED },
  payload_too_large: { http: 413, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  unsupported_media_type: { http: 415, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** The request has a compression that the transport does not support. */
  unsupported_encoding: { http: 415, grpc: GrpcStatus.UNIMPLEMENTED },
  /** The `Expect` header is not 100-continue (RFC 9110, section 10.1.1). */
  expectation_failed: { http: 417, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** The limit of concurrent streams, per caller or per process, is reached. */
  rate_limited: { http: 429, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  /** The reader of a stream does not read its messages in time. */
  reader_too_slow: { http: 429, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  headers_too_large: { http: 431, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  /** The caller hung up. Only the log shows this code; 499 is what nginx logs in this case. */
  canceled: { http: 499, grpc: GrpcStatus.CANCELLED },
  /** An unexpected error on the server's side; it is logged with its cause. */
  internal: { http: 500, grpc: GrpcStatus.INTERNAL },
  /** The database does not answer, the process sheds load, or it is stopping. */
  unavailable: { http: 503, grpc: GrpcStatus.UNAVAILABLE },
  deadline_exceeded: { http: 504, grpc: GrpcStatus.DEADLINE_EXCEEDED },
} as const satisfies Record<string, ErrorRow>;

/** A stable error code: `error` on the public paths, the metadata `code` of ErrorInfo on Connect and gRPC. */
export type ErrorCode = keyof typeof errorTable;

/** One broken rule of a request, or the fault that makes it malformed. */
export interface Violation {
  /** The JSON path of the member, such as `customerId`, `variables.cart` or `variables["Bad Key"]`. */
  readonly field: string;
  /** The stable id of the rule, such as `variables.max_keys`. */
  readonly rule: string;
  /** A sentence for people. */
  readonly message: string;
}

/** The optional parts of an error. */
export interface ErrorDetails {
  /** All broken rules, or the one fault of the shape. */
  readonly violations?: readonly Violation[];
  /** The delay before a retry, in whole seconds: `Retry-After` and `google.rpc.RetryInfo`. */
  readonly retryAfterSeconds?: number;
  /** Why, where a client can act on it: a session token has expired, or why an idempotency key conflicts. */
  readonly cause?: 'expired' | 'different_request' | 'window_over' | 'session_over';
  /** The conversation that an engine caller's idempotency key belongs to. */
  readonly conversationId?: string;
  /** The position from which a stream can be resumed. */
  readonly resumeToken?: string;
}

/**
 * The only error that reaches callers. `cause` is for the log only. A ServiceError has no stack trace, because the
 * trace costs five times as much as the rest of the error, and refusals must be cheap; `cause` has one where it is
 * useful.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  constructor(
    readonly code: ErrorCode,
    /** A sentence that any caller may read: no driver text, no secret, no stack. */
    message: string,
    readonly details: ErrorDetails = {},
    cause?: unknown,
    /** Makes members for the line of the log. Called only when the line is written; holds nothing secret. */
    readonly log?: () => object,
  ) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, { cause });
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Creates one error for all broken rules. */
export function rulesBroken(violations: readonly Violation[]): ServiceError {
  const fields = new Set(violations.map((violation) => violation.field)).size;
  return new ServiceError(
    'validation_failed',
    fields === 1
      ? `The request breaks a rule of ${violations[0]?.field}.`
      : `The request breaks rules of ${fields} fields.`,
    { violations },
  );
}

/** Converts anything thrown to a ServiceError: other errors become `internal`, with the original as the cause. */
export function toServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return new ServiceError('internal', 'Something went wrong on our side.', {}, thrown);
}

/** The error of a call whose deadline passes before its answer. */
export function deadlineExceeded(): ServiceError {
  return new ServiceError('deadline_exceeded', 'The call was not done within its deadline.');
}

/** The error of a call whose caller hung up. */
export function canceled(): ServiceError {
  return new ServiceError('canceled', 'The caller hung up.');
}

/** The error of a call beyond the limit of in-flight calls. */
export function overloaded(): ServiceError {
  return new ServiceError('unavailable', 'The service has more calls than it can answer at the moment.', {
    retryAfterSeconds: 1,
  });
}

/** The error of a stream or long call that is aborted because the process stops; a retry reaches another process. */
export function stopping(): ServiceError {
  return new ServiceError('unavailable', 'This process is stopping.', { retryAfterSeconds: 1 });
}
