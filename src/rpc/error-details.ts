import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../gen/protobuf-es/google/rpc/error_details_pb.js';
import { type ErrorCode, errorTable, type ServiceError, type Violation } from './errors.js';
import { protoPath } from './field-path.js';
import type { Surface } from './surface.js';

/** A detail message with its descriptor: the form that Connect expects. */
export interface ErrorDetail<D extends DescMessage = DescMessage> {
  readonly desc: D;
  readonly value: MessageShape<D>;
}

/** The `domain` of every ErrorInfo. */
const ERROR_DOMAIN = 'chatsessions';

function detail<D extends DescMessage>(desc: D, init: MessageInitShape<D>): ErrorDetail<D> {
  return { desc, value: create(desc, init) };
}

/**
 * The maximum size of the listed violations, in bytes of their texts. gRPC sends them in trailers, and some clients
 * accept at most 8 KiB of trailers (after base64). Connect has the same limit, so that both list the same.
 */
const VIOLATIONS_BUDGET = 3500;

/**
 * Builds the details of an error from the standard messages of google.rpc (AIP-193): always ErrorInfo, BadRequest when
 * fields are at fault, RetryInfo when a later retry can succeed.
 *
 * On the engine surface broken rules have the code `invalid_input`, and fields are named by their proto paths.
 */
export function errorDetails(error: ServiceError, surface: Surface): ErrorDetail[] {
  const { violations, retryAfterSeconds, cause, conversationId, resumeToken } = error.details;
  const code = codeOn(surface, error.code);
  const listed = violations && firstThatFit(violations);
  const omitted = (violations?.length ?? 0) - (listed?.length ?? 0);
  const metadata: Record<string, string> = { code, http_status: String(errorTable[error.code].http) };
  if (omitted > 0) metadata['violations_omitted'] = String(omitted);
  if (cause !== undefined) metadata['cause'] = cause;
  if (conversationId !== undefined) metadata['conversation_id'] = conversationId;
  if (resumeToken !== undefined) metadata['resume_token'] = resumeToken;

  const details: ErrorDetail[] = [
    detail(ErrorInfoSchema, { reason: toReason(code), domain: ERROR_DOMAIN, metadata }),
  ];
  if (listed !== undefined) {
    const fieldViolations = listed.map(({ field, rule, message }) => ({
      field: surface === 'engine' ? protoPath(field) : field,
      description: message,
      reason: toReason(rule),
    }));
    details.push(detail(BadRequestSchema, { fieldViolations }));
  }
  if (retryAfterSeconds !== undefined) {
    details.push(detail(RetryInfoSchema, { retryDelay: { seconds: BigInt(retryAfterSeconds), nanos: 0 } }));
  }
  return details;
}

/** The code of an error on a surface: only that of broken rules differs. */
function codeOn(surface: Surface, code: ErrorCode): ErrorCode {
  return surface === 'engine' && code === 'validation_failed' ? 'invalid_input' : code;
}

/**
 * Converts an error code or a rule id to a `reason` in UPPER_SNAKE_CASE, as google.rpc.ErrorInfo and FieldViolation
 * require: `public_key.pattern` becomes `PUBLIC_KEY_PATTERN`.
 */
export function toReason(id: string): string {
  return id.replaceAll('.', '_').toUpperCase();
}

function firstThatFit(violations: readonly Violation[]): readonly Violation[] {
  let left = VIOLATIONS_BUDGET;
  const end = violations.findIndex(({ field, rule, message }) => {
    left -= Buffer.byteLength(field + rule + message);
    return left < 0;
  });
  return end === -1 ? violations : violations.slice(0, end);
}
