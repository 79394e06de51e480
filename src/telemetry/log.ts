import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

/**
 * The log: one JSON object a line, on standard error, so that standard output stays for what a person reads.
 * It never holds request bodies, tokens, idempotency keys or customer ids: of errors only the known members are
 * written, since the driver hangs the documents that it was to write on its own.
 */
export function createLog(level: Level | 'silent', stream: DestinationStream = destination(2)): Logger {
  const serializers = {
    err: (thrown: unknown) => describeError(thrown),
    // Of what a stranger can make happen as often as they like: a stack trace each would be ten times the line.
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

/** How deep causes are followed: an error may be its own cause. */
const MAX_CAUSES = 5;
/** How many of an AggregateError's members are written, such as the addresses that a connection was tried at. */
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
