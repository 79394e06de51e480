import { type DescField, isMessage } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { invalidField } from './invalid-input.js';

/** The largest Duration of google/protobuf/duration.proto, in seconds: 10,000 years. */
const MAX_SECONDS = 315_576_000_000n;
const MAX_NANOS = 999_999_999;

/** Whether a field is a `google.protobuf.Duration`. */
export function isDuration(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Duration';
}

/**
 * Refuses a Duration that the wire format can carry and JSON cannot: beyond its range, or with parts of different signs.
 *
 * @param value the field's; undefined when it is absent
 * @throws ServiceError invalid_input
 */
export function checkDuration(field: DescField, value: unknown): void {
  if (!isMessage(value, DurationSchema)) return;
  const { seconds, nanos } = value;
  const isInRange =
    seconds >= -MAX_SECONDS && seconds <= MAX_SECONDS && nanos >= -MAX_NANOS && nanos <= MAX_NANOS;
  const hasOneSign = !(seconds > 0n && nanos < 0) && !(seconds < 0n && nanos > 0);
  if (!isInRange || !hasOneSign) throw invalidField({ field }, 'type');
}
