import type { DescField } from '@bufbuild/protobuf';
import { ServiceError } from '../errors.js';
import { memberPath } from '../field-path.js';

/**
 * The faults of a field that make a request malformed, by their rule ids, each with the end of its sentence. A malformed
 * request is refused as `invalid_input` (400); the first fault is answered alone. docs/sessions.md lists them.
 */
export const shapeFaults = {
  required: 'is required',
  type: 'does not have the type of this field',
  duplicate: 'is given twice',
  /** NaN and the infinities, which JSON cannot express (RFC 8259, section 6). */
  not_finite: 'holds a number that is not finite',
  /** Text of the wire format that is not UTF-8. */
  utf8: 'holds text that is not valid UTF-8',
  /** A lone surrogate, which UTF-8 cannot encode (RFC 7493, section 2.1). */
  lone_surrogate: 'holds a lone surrogate, which is not valid Unicode',
  /** A google.protobuf.Value of the wire format that stands for no JSON value, not even null. */
  no_kind: 'holds a value without a kind',
} as const;

/** The rule id of a shape fault. */
export type ShapeFault = keyof typeof shapeFaults;

/** A field of a request and, inside a Struct, the key of the member that is read. */
export interface FieldPlace {
  readonly field: DescField;
  key?: string | undefined;
}

/** The error of a request that is malformed as a whole: no JSON, no message, too deep. It names no field. */
export function invalidInput(message: string, cause?: unknown): ServiceError {
  return new ServiceError('invalid_input', message, {}, cause);
}

/** The error of a fault in one field. Its message never quotes what was sent. */
export function invalidField({ field, key }: FieldPlace, rule: ShapeFault, cause?: unknown): ServiceError {
  const { jsonName } = field;
  if (key === undefined) return invalidPath(jsonName, jsonName, rule, cause);
  return invalidPath(memberPath(jsonName, key), `A member of ${jsonName}`, rule, cause);
}

/** As {@link invalidField}, for a JSON path. @param subject names it in the sentence */
export function invalidPath(field: string, subject: string, rule: ShapeFault, cause?: unknown): ServiceError {
  const message = `${subject} ${shapeFaults[rule]}.`;
  return new ServiceError('invalid_input', message, { violations: [{ field, rule, message }] }, cause);
}
