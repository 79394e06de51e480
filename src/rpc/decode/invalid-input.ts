import type { DescField } from '@bufbuild/protobuf';
import { ServiceError } from '../errors.js';

/** The error of a malformed request. Its message may name the field, and never quotes a value. */
export function invalidInput(message: string, cause?: unknown): ServiceError {
  return new ServiceError('invalid_input', message, {}, cause);
}

/** The error of a field that has the wrong type, or that is given twice where the format allows it once. */
export function wrongType({ jsonName }: DescField, cause?: unknown): ServiceError {
  return invalidInput(`${jsonName} does not have the type of this field, or is given twice.`, cause);
}

/** The error of NaN and the infinities, which JSON cannot express (RFC 8259, section 6). */
export function notFinite({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a number that is not finite.`);
}

/** The error of a lone surrogate, which UTF-8 cannot encode (RFC 7493, section 2.1). */
export function loneSurrogate({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a lone surrogate, which is not valid Unicode.`);
}

/** The error of an object with two members of the same name (RFC 7493, section 2.3). */
export function duplicateMember({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a member that is given twice.`);
}
