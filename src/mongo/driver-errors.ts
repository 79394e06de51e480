import {
  MongoAPIError,
  MongoCompatibilityError,
  MongoDriverError,
  MongoInvalidArgumentError,
  MongoMissingCredentialsError,
  MongoNetworkError,
  MongoParseError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb';
import { ServiceError } from '../rpc/errors.js';

/** Server error codes of temporary states, such as stepping down, shutting down, a full disk or an exceeded limit. */
const TRANSIENT_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 50, 64, 89, 91, 112, 133, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031,
]);

/**
 * Node's error codes of a closed socket. The driver passes them on unwrapped, not as a MongoNetworkError, when it writes
 * to a connection that the server has just closed (mongodb 7.9.0, Connection.writeCommand).
 */
const SOCKET_CODES: ReadonlySet<unknown> = new Set([
  ...['EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ENOTCONN', 'ETIMEDOUT'],
  ...['ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_SOCKET_CLOSED'],
]);

/** Errors of the driver that mean it was used wrongly, not that the database is unavailable. */
const MISUSE_ERRORS = [
  MongoInvalidArgumentError,
  MongoParseError,
  MongoCompatibilityError,
  MongoMissingCredentialsError,
] as const;

/** When callers may retry after the database did not answer, in seconds. */
const RETRY_AFTER_SECONDS = 1;

const DUPLICATE_KEY = 11000;

/** Whether a write failed because of a duplicate key (E11000), in any of the driver's error classes. */
export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY;
}

/** Converts a driver error to a ServiceError. The driver's message stays in `cause`, which only the log shows. */
export function fromDriver(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (isTransient(error)) return noAnswer(error);
  return new ServiceError('internal', 'Something went wrong on our side.', {}, error);
}

/** The error of an unreachable database, or of an overloaded process. */
export function unavailable(message: string, cause?: unknown): ServiceError {
  return new ServiceError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS }, cause);
}

/** The error of a database that does not answer. */
export function noAnswer(cause?: unknown): ServiceError {
  return unavailable('The database does not answer at the moment.', cause);
}

/** The timeout of one operation, in ms. It is below the deadline of a call, so that the call answers `unavailable`. */
export const OPERATION_TIMEOUT_MS = 4_000;

/**
 * Runs one operation of the driver, and converts its errors.
 *
 * It times out after 4 s. The driver has no option for this: since 7.9 its `timeoutMS` does nothing, and
 * `socketTimeoutMS` bounds each attempt, not all attempts together.
 *
 * @throws ServiceError unavailable | internal; a duplicate key error unchanged (see isDuplicateKey)
 */
export async function runOperation<T>(operation: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(noAnswer()), OPERATION_TIMEOUT_MS);
  });
  try {
    return await Promise.race([operation(), timeout]);
  } catch (error) {
    throw isDuplicateKey(error) ? error : fromDriver(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs an insert. @returns false when a document with the same unique key exists */
export async function insertIfAbsent(insert: () => Promise<unknown>): Promise<boolean> {
  try {
    await runOperation(insert);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** The codes Unauthorized, AuthenticationFailed and AtlasError. */
const REFUSED_USER_CODES: ReadonlySet<unknown> = new Set([13, 18, 8000]);

const UNESCAPED =
  'a user or password has characters that must be percent-encoded, such as @ as %40 and / as %2F.';

/**
 * Explains to the operator why connecting failed. Nothing of the driver's message is quoted, host names neither: after an
 * unescaped `@` what the driver takes for a host is a part of the password.
 */
export function explainConnectError(error: unknown): string {
  const text = messagesOf(error).join('\n');
  // By its name: mongodb-connection-string-url has a class of its own with this name.
  if (error instanceof MongoAPIError || (error instanceof Error && error.name === 'MongoParseError')) {
    if (/unescaped|URI malformed|^Invalid connection string/.test(text)) return UNESCAPED;
    return /\bSRV\b|mongodb\+srv/.test(text)
      ? 'a mongodb+srv:// string names one host, without a port, whose SRV and TXT records are valid.'
      : 'it is no valid connection string.';
  }
  if (/query(Srv|Txt)/.test(text)) return 'the SRV record of its host cannot be looked up in DNS.';
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) {
    return `a host name in it does not resolve in DNS; if the name looks wrong, ${UNESCAPED}`;
  }
  if (/certificate|_CERT|ERR_TLS|ERR_SSL|SSL routines|EPROTO|altnames/i.test(text)) {
    return 'TLS fails: check the certificate of the server, its authority (tlsCAFile) and whether the server speaks TLS.';
  }
  if (
    /Authentication failed/i.test(text) ||
    (error instanceof MongoServerError && REFUSED_USER_CODES.has(error.code))
  )
    return 'the server refuses the user.';
  if (/ECONNREFUSED/.test(text)) return 'no server answers there: the connection is refused.';
  if (error instanceof MongoServerSelectionError) return 'no server answers there that can be written to.';
  return `${error instanceof Error ? error.name : 'unknown error'}.`;
}

/** The most causes that are followed, because an error can be its own cause. */
const MAX_CAUSES = 5;

/** The messages and codes of an error and its causes. */
function messagesOf(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth === MAX_CAUSES) return [];
  const code = 'code' in error ? [String(error.code)] : [];
  return [error.message, ...code, ...messagesOf(error.cause, depth + 1)];
}

function isTransient(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoServerError && error.hasErrorLabel('RetryableWriteError')) return true;
  if (typeof error === 'object' && error !== null && 'code' in error) {
    if (TRANSIENT_CODES.has(error.code) || SOCKET_CODES.has(error.code)) return true;
  }
  if (error instanceof MongoServerError || MISUSE_ERRORS.some((misuse) => error instanceof misuse))
    return false;
  // The driver's other errors are states of the connection, such as a cleared pool, a closed client or topology.
  return error instanceof MongoDriverError;
}
