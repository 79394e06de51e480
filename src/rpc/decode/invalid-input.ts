import type { DescField } from '@bufbuild/protobuf';
import { ServiceError } from '../errors.js';

/** The refusal of what is no well-formed request. The sentence names the field, if any, and never quotes a value. */
export function invalidInput(message: string, cause?: unknown): ServiceError {
  return new ServiceError('invalid_input', message, {}, cause);
}

/** The refusal of a field of the wrong type, or of one that may be given once and is given again. */
export function wrongType({ jsonName }: DescField, cause?: unknown): ServiceError {
  return invalidInput(`${jsonName} does not have the type of this field, or is given twice.`, cause);
}

/** The refusal of NaN and the infinities, which JSON has not (RFC 8259, section 6). */
export function notFinite({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a number that is not finite.`);
}

/** The refusal of half of a surrogate pair, which UTF-8 cannot carry (RFC 7493, section 2.1). */
export function loneSurrogate({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a lone surrogate, which is not valid Unicode.`);
}

/** The refusal of a member that an object has twice (RFC 7493, section 2.3). */
export function duplicateMember({ jsonName }: DescField): ServiceError {
  return invalidInput(`${jsonName} holds a member that is given twice.`);
}
