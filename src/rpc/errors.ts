import type { Surface } from './surface.js';

/**
 * The error table: every refusal that a caller can see, on every surface. Handlers throw a
 * {@link ServiceError} with a code of this table; only the edges turn it into statuses.
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
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** What a code is on each protocol. */
interface ErrorRow {
  readonly http: number;
  readonly grpc: number;
}

/** The table itself: code → HTTP status and gRPC status. */
export const errorTable = {
  /** The shape: not a well-formed request. On the engine surface also: a rule is broken. */
  invalid_input: { http: 400, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** One or more rules broken, on the chat surface. */
  validation_failed: { http: 422, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** No such widget key, disabled, or past its end: one answer for all three. */
  widget_disabled: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  origin_not_allowed: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  /** A customer token that vouches for nobody, or none where the widget key requires one. */
  identity_not_verified: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  /** A session token that is malformed, forged, expired (`details.cause: expired`), or whose session ended. */
  invalid_session_token: { http: 401, grpc: GrpcStatus.UNAUTHENTICATED },
  /** An engine caller without a good engine token or a known client certificate. */
  unauthenticated: { http: 401, grpc: GrpcStatus.UNAUTHENTICATED },
  /** An engine caller outside its tenants or scopes. */
  permission_denied: { http: 403, grpc: GrpcStatus.PERMISSION_DENIED },
  not_found: { http: 404, grpc: GrpcStatus.NOT_FOUND },
  method_not_allowed: { http: 405, grpc: GrpcStatus.UNIMPLEMENTED },
  request_timeout: { http: 408, grpc: GrpcStatus.DEADLINE_EXCEEDED },
  /** An idempotency key used again: for another request, or when its window or its session is over. */
  idempotency_conflict: { http: 409, grpc: GrpcStatus.ALREADY_EXISTS },
  /** A conversation that has ended cannot be changed. */
  conversation_ended: { http: 409, grpc: GrpcStatus.FAILED_PRECONDITION },
  payload_too_large: { http: 413, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  unsupported_media_type: { http: 415, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** An `Expect` header other than 100-continue (RFC 9110, section 10.1.1). */
  expectation_failed: { http: 417, grpc: GrpcStatus.INVALID_ARGUMENT },
  /** More at once, or more often, than a caller may. */
  rate_limited: { http: 429, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  /** The reader of a stream does not take what it asked for. */
  reader_too_slow: { http: 429, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  headers_too_large: { http: 431, grpc: GrpcStatus.RESOURCE_EXHAUSTED },
  /** The caller hung up: nobody reads the answer, the log shows the code. 499 is what nginx logs for it. */
  canceled: { http: 499, grpc: GrpcStatus.CANCELLED },
  /** Anything that is not the caller's fault and has no code of its own: logged with its cause. */
  internal: { http: 500, grpc: GrpcStatus.INTERNAL },
  /** The database does not answer, or the process is shedding load. */
  unavailable: { http: 503, grpc: GrpcStatus.UNAVAILABLE },
  deadline_exceeded: { http: 504, grpc: GrpcStatus.DEADLINE_EXCEEDED },
} as const satisfies Record<string, ErrorRow>;

/** A stable code of the table: `error` on the public paths, `ErrorInfo.reason` on Connect and gRPC. */
export type ErrorCode = keyof typeof errorTable;

/** One broken rule. */
export interface Violation {
  /** Path of the top-level member, such as `customerId`, `variables.cart` or `variables["Bad Key"]`. */
  readonly field: string;
  /** Stable id of the rule, such as `variables.max_keys`. */
  readonly rule: string;
  /** A sentence for people. */
  readonly message: string;
}

/** What an error carries beside its code and its sentence. */
export interface ErrorDetails {
  readonly violations?: readonly Violation[];
  /** Broken rules that are not listed, to keep the answer small. */
  readonly violationsOmitted?: number;
  /** When to try again, in whole seconds: `Retry-After` and `google.rpc.RetryInfo`. */
  readonly retryAfterSeconds?: number;
  /** Why a session token is refused, where that tells a good client what to do: refresh it. */
  readonly cause?: 'expired';
  /** Where a stream can be taken up again. */
  readonly resumeToken?: string;
}

/**
 * The one error that reaches callers. `cause` is for the log only, and has a stack trace where it is of use; this has
 * none: it would cost five times the rest of it, and refusing must be cheap.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  constructor(
    readonly code: ErrorCode,
    /** A sentence that any caller may read: no driver text, no secret, no stack. */
    message: string,
    readonly details: ErrorDetails = {},
    cause?: unknown,
  ) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, { cause });
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * The most that the listed violations may weigh, in bytes of their texts. On gRPC they travel in trailers, and
 * some clients accept 8 KiB of those at most (after base64).
 */
const VIOLATIONS_BUDGET = 3500;

/**
 * All broken rules as one error. Its code alone differs by surface: 422 `validation_failed` for browsers,
 * `invalid_input` for engine callers.
 */
export function rulesBroken(surface: Surface, violations: readonly Violation[]): ServiceError {
  const listed: Violation[] = [];
  let left = VIOLATIONS_BUDGET;
  for (const violation of violations) {
    left -= Buffer.byteLength(violation.field + violation.rule + violation.message);
    if (left < 0) break;
    listed.push(violation);
  }
  const omitted = violations.length - listed.length;
  const fields = new Set(violations.map((violation) => violation.field)).size;
  return new ServiceError(
    surface === 'chat' ? 'validation_failed' : 'invalid_input',
    fields === 1
      ? `The request breaks a rule of ${violations[0]?.field}.`
      : `The request breaks rules of ${fields} fields.`,
    { violations: listed, ...(omitted > 0 && { violationsOmitted: omitted }) },
  );
}

/** Whatever was thrown, as the one error that callers may see. */
export function toServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return new ServiceError('internal', 'Something went wrong on our side.', {}, thrown);
}

/** The error of a call whose time is over before its work is done. */
export function deadlineExceeded(): ServiceError {
  return new ServiceError('deadline_exceeded', 'The call was not done within its deadline.');
}

/** The error of a call whose caller hung up before its work began. */
export function canceled(): ServiceError {
  return new ServiceError('canceled', 'The caller hung up.');
}

/** The error of a call that is one too many. */
export function overloaded(): ServiceError {
  return new ServiceError('unavailable', 'The service has more calls than it can answer at the moment.', {
    retryAfterSeconds: 1,
  });
}

/** The error of a stream that ends because its process does: another one can go on with it. */
export function stopping(): ServiceError {
  return new ServiceError('unavailable', 'This process is stopping.', { retryAfterSeconds: 1 });
}
