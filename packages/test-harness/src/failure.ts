import { inspect } from 'node:util';
import { compare } from 'uvu/diff';

/** An error may be its own cause. */
const MAX_CAUSES = 8;

/**
 * Makes of anything thrown an Error that uvu can print.
 *
 * uvu reads `name`, `message`, `stack`, `actual` and `expected` of what was thrown; where one of these is
 * missing or cannot be printed, it drops the failure together with all tests that follow. It also leaves
 * out `cause`, where fast-check keeps the assertion that failed, and prints messages of many lines twice.
 */
export function toFailure(thrown: unknown): Error {
  if (thrown instanceof Error && isPrintable(thrown)) return thrown;
  const failure = new Error(describe(thrown));
  // uvu prints what follows the first line; the frames are in the message, each with its error.
  failure.stack = 'Error\n';
  return failure;
}

/** An error in full, with all that led to it. */
export function describe(thrown: unknown, depth = 0): string {
  if (!(thrown instanceof Error)) return `${depth === 0 ? 'threw a non-Error: ' : ''}${inspect(thrown)}`;
  if (depth > MAX_CAUSES) return inspect(thrown);
  const { stack } = thrown;
  const details = 'details' in thrown ? thrown.details : undefined;
  const frames = typeof stack === 'string' ? stack.split('\n').filter((line) => /^\s+at /.test(line)) : [];
  const parts = [`${String(thrown.name)}: ${String(thrown.message)}`];
  if (typeof details === 'string') parts.push(details);
  parts.push(...frames);
  if (thrown.cause !== undefined) parts.push(`[cause]: ${describe(thrown.cause, depth + 1)}`);
  if (thrown instanceof AggregateError) {
    for (const error of thrown.errors) parts.push(`[one of several]: ${describe(error, depth + 1)}`);
  }
  return parts.join('\n');
}

function isPrintable(error: Error & { readonly actual?: unknown; readonly expected?: unknown }): boolean {
  if (error.cause !== undefined || error instanceof AggregateError) return false;
  if (String(error.message).includes('\n')) return false;
  if (typeof error.name !== 'string' || typeof error.stack !== 'string') return false;
  try {
    compare(error.actual, error.expected);
    return true;
  } catch {
    return false;
  }
}
