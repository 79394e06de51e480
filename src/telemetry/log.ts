import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

/**
 * The log: one JSON object a line, on standard error, so that standard output stays for what a person reads.
 * It never holds request bodies, tokens, idempotency keys or customer ids.
 */
export function createLog(level: Level | 'silent', stream: DestinationStream = destination(2)): Logger {
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime }, stream);
}
