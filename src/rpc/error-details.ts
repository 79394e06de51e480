import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../gen/protobuf-es/google/rpc/error_details_pb.js';
import { errorTable, type ServiceError } from './errors.js';

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
 * Builds the details of an error from the standard messages of google.rpc (AIP-193): always ErrorInfo, BadRequest when
 * rules are broken, RetryInfo when a later retry can succeed.
 */
export function errorDetails(error: ServiceError): ErrorDetail[] {
  const { violations, violationsOmitted, retryAfterSeconds, cause, conversationId, resumeToken } =
    error.details;
  const metadata: Record<string, string> = { http_status: String(errorTable[error.code].http) };
  if (violationsOmitted !== undefined) metadata['violations_omitted'] = String(violationsOmitted);
  if (cause !== undefined) metadata['cause'] = cause;
  if (conversationId !== undefined) metadata['conversation_id'] = conversationId;
  if (resumeToken !== undefined) metadata['resume_token'] = resumeToken;

  const details: ErrorDetail[] = [
    detail(ErrorInfoSchema, { reason: error.code, domain: ERROR_DOMAIN, metadata }),
  ];
  if (violations !== undefined) {
    const fieldViolations = violations.map(({ field, rule, message }) => ({
      field,
      description: message,
      reason: rule,
    }));
    details.push(detail(BadRequestSchema, { fieldViolations }));
  }
  if (retryAfterSeconds !== undefined) {
    details.push(detail(RetryInfoSchema, { retryDelay: { seconds: BigInt(retryAfterSeconds), nanos: 0 } }));
  }
  return details;
}
