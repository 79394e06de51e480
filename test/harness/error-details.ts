import { fromBinary, type Message } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import * as assert from 'uvu/assert';
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
} from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';

/** The details of an error over gRPC or Connect. */
export interface ErrorDetails {
  /** The code of the error table: the metadata `code` of the ErrorInfo. Undefined without an ErrorInfo. */
  readonly reason: string | undefined;
  /** The metadata of the ErrorInfo. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The field violations of the BadRequest, where there is one. */
  readonly violations: BadRequest['fieldViolations'] | undefined;
}

/** Decodes the details that gRPC sends in the metadata `grpc-status-details-bin`. */
export function grpcErrorDetails(packed: unknown): ErrorDetails {
  const bytes = typeof packed === 'string' ? Buffer.from(packed, 'base64') : packed;
  const details = Buffer.isBuffer(bytes) ? fromBinary(StatusSchema, bytes).details : [];
  return detailsOf(details.flatMap(unpack));
}

/** Decodes the `details` of a Connect error's JSON; anything else has none. */
export function connectErrorDetails(details: unknown): ErrorDetails {
  const list: { type: string; value: string }[] = Array.isArray(details) ? details : [];
  return detailsOf(
    list.flatMap(({ type, value }) => {
      const bytes = Buffer.from(value, 'base64');
      if (type === ErrorInfoSchema.typeName) return fromBinary(ErrorInfoSchema, bytes);
      return type === BadRequestSchema.typeName ? fromBinary(BadRequestSchema, bytes) : [];
    }),
  );
}

/** The form of a `reason` of google.rpc. */
export const REASON = /^[A-Z][A-Z0-9_]+[A-Z0-9]$/;

/** The `reason` of an error code or a rule id, as google.rpc spells it. */
export function reasonOf(id: string): string {
  return id.toUpperCase().replace(/\W/g, '_');
}

function unpack(any: Any): Message[] {
  return [anyUnpack(any, ErrorInfoSchema), anyUnpack(any, BadRequestSchema)].filter(
    (found) => found !== undefined,
  );
}

function detailsOf(messages: readonly Message[]): ErrorDetails {
  const info = messages.find((message) => isOf<ErrorInfo>(message, ErrorInfoSchema.typeName));
  const request = messages.find((message) => isOf<BadRequest>(message, BadRequestSchema.typeName));
  const code = info?.metadata['code'];
  if (info) assert.is(info.reason, reasonOf(code ?? ''), 'ErrorInfo.reason is the code in UPPER_SNAKE');
  return { reason: code, metadata: info?.metadata ?? {}, violations: request?.fieldViolations };
}

function isOf<T extends Message>(message: Message, typeName: T['$typeName']): message is T {
  return message.$typeName === typeName;
}
