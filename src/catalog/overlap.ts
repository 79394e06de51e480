import type { Violation } from '../rpc/errors.js';

/** A `google.protobuf.Duration` of either code generator. */
type Duration = { readonly seconds: number | bigint; readonly nanos: number };

const DAY_SECONDS = 86_400;
const DEFAULT_SECONDS = 7 * DAY_SECONDS;
const MAX_SECONDS = 90 * DAY_SECONDS;

/** Checks the rule of the field `overlap` of RotateWidgetKey. */
export function overlapViolations(overlap: Duration | undefined): Violation[] {
  const seconds = secondsOf(overlap);
  if (seconds >= 0 && seconds <= MAX_SECONDS) return [];
  return [{ field: 'overlap', rule: 'overlap.range', message: 'overlap must be from 0 to 90 days.' }];
}

/** How long the public key of before works, in ms. */
export function overlapMsOf(overlap: Duration | undefined): number {
  return Math.round(secondsOf(overlap) * 1000);
}

function secondsOf(overlap: Duration | undefined): number {
  return overlap ? Number(overlap.seconds) + overlap.nanos / 1e9 : DEFAULT_SECONDS;
}
