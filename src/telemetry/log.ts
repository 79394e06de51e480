import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

/**
 * Creates the log: one JSON object per line, on standard error, so that standard output is left for people. It never
 * contains request bodies, tokens, idempotency keys or customer ids. Of an error only known members are logged, because
 * errors of the MongoDB driver carry the documents of the failed write.
 */
export function createLog(level: Level | 'silent', stream: DestinationStream = destination(2)): Logger {
  const serializers = {
    err: (thrown: unknown) => describeError(thrown),
    // Without a stack trace, which makes the line ten times as long: any caller can cause these errors at any rate.
    cause: (thrown: unknown) => describeError(thrown, { hasStack: false }),
  };
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime, serializers }, stream);
}

interface LoggedError {
  readonly type: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly stack?: string | undefined;
  readonly cause?: LoggedError;
  readonly errors?: readonly LoggedError[];
}

/** The maximum depth of logged causes, because an error can be its own cause. */
const MAX_CAUSES = 5;
/** The maximum of logged members of an AggregateError, such as one for each address of a failed connection. */
const MAX_MEMBERS = 3;

function describeError(thrown: unknown, { hasStack = true, depth = 0 } = {}): LoggedError {
  if (typeof thrown !== 'object' || thrown === null) return { type: typeof thrown, message: String(thrown) };
  const code = 'code' in thrown && { code: thrown.code };
  if (!(thrown instanceof Error)) return { type: thrown.constructor?.name ?? 'object', ...code };
  const { name, message, stack, cause } = thrown;
  const members = thrown instanceof AggregateError ? thrown.errors.slice(0, MAX_MEMBERS) : [];
  const below = depth < MAX_CAUSES;
  const describe = (other: unknown) => describeError(other, { hasStack, depth: depth + 1 });
  return {
    type: name,
    message,
    ...code,
    ...(hasStack && { stack }),
    ...(below && cause !== undefined && { cause: describe(cause) }),
    ...(below && members.length > 0 && { errors: members.map(describe) }),
  };
}
