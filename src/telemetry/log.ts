import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

/**
 * The log: one JSON object a line, on standard error, so that standard output stays for what a person reads.
 * It never holds request bodies, tokens, idempotency keys or customer ids: of errors only the known members are
 * written, since the driver hangs the documents that it was to write on its own.
 */
export function createLog(level: Level | 'silent', stream: DestinationStream = destination(2)): Logger {
  const serializers = { err: describeError };
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime, serializers }, stream);
}

interface LoggedError {
  readonly type: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly stack?: string | undefined;
  readonly cause?: LoggedError;
}

function describeError(thrown: unknown): LoggedError {
  if (typeof thrown !== 'object' || thrown === null) return { type: typeof thrown, message: String(thrown) };
  const code = 'code' in thrown && { code: thrown.code };
  if (!(thrown instanceof Error)) return { type: thrown.constructor?.name ?? 'object', ...code };
  const { name, message, stack, cause } = thrown;
  return { type: name, message, ...code, stack, ...(cause !== undefined && { cause: describeError(cause) }) };
}
