import {
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

/** Server codes that mean "not now": stepping down, shutting down, disk full, over the limits. */
const TRANSIENT_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 50, 64, 89, 91, 112, 133, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031,
]);

/**
 * What Node says of a socket that is gone. The driver gives it on as it is, not as a MongoNetworkError, when it writes
 * to a connection that the server has just closed (mongodb 7.9.0, Connection.writeCommand).
 */
const SOCKET_CODES: ReadonlySet<unknown> = new Set([
  ...['EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ENOTCONN', 'ETIMEDOUT'],
  ...['ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_SOCKET_CLOSED'],
]);

/** What the driver throws when it is used wrongly: no outage. */
const OUR_MISTAKES = [
  MongoInvalidArgumentError,
  MongoParseError,
  MongoCompatibilityError,
  MongoMissingCredentialsError,
] as const;

/** When callers may try again after the database did not answer, in seconds. */
const RETRY_AFTER_SECONDS = 1;

const DUPLICATE_KEY = 11000;

/** Whether a write failed because its key was there already (E11000), in any of the driver's forms. */
export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY;
}

/** A driver's error in the table's codes. Its text stays in `cause`, for the log. */
export function fromDriver(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (isTransient(error)) return noAnswer(error);
  return new ServiceError('internal', 'Something went wrong on our side.', {}, error);
}

/** The error of a database that is out of reach, or of a process with more work than it can do. */
export function unavailable(message: string, cause?: unknown): ServiceError {
  return new ServiceError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS }, cause);
}

/** The error of a database that does not answer. */
export function noAnswer(cause?: unknown): ServiceError {
  return unavailable('The database does not answer at the moment.', cause);
}

/** How long one operation may take, in ms: below the deadline of a call, so that the answer is `unavailable`. */
export const OPERATION_MS = 4_000;

/**
 * Runs one operation of the driver, with its errors turned into ours.
 *
 * It is given up after 4 s. The driver has no option that does this: since 7.9 its `timeoutMS` does nothing,
 * and `socketTimeoutMS` bounds each of its attempts, not all of them together.
 *
 * @throws ServiceError unavailable | internal; a duplicate key as it is (see isDuplicateKey)
 */
export async function operate<T>(operation: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(noAnswer()), OPERATION_MS);
  });
  try {
    return await Promise.race([operation(), late]);
  } catch (error) {
    throw isDuplicateKey(error) ? error : fromDriver(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Unauthorized, AuthenticationFailed, and Atlas's own. */
const REFUSED_USER_CODES: ReadonlySet<unknown> = new Set([13, 18, 8000]);

/** Why a server cannot be connected to, for the operator: none of the driver's text, which may quote the URI. */
export function explainConnectError(error: unknown): string {
  if (error instanceof MongoServerSelectionError) return 'no server answers there that can be written to.';
  if (error instanceof MongoParseError || error instanceof MongoInvalidArgumentError) {
    return 'it is no valid connection string.';
  }
  if (error instanceof MongoServerError && REFUSED_USER_CODES.has(error.code))
    return 'the server refuses the user.';
  return `${error instanceof Error ? error.name : 'unknown error'}.`;
}

function isTransient(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoServerError && error.hasErrorLabel('RetryableWriteError')) return true;
  if (typeof error === 'object' && error !== null && 'code' in error) {
    if (TRANSIENT_CODES.has(error.code) || SOCKET_CODES.has(error.code)) return true;
  }
  if (error instanceof MongoServerError || OUR_MISTAKES.some((mistake) => error instanceof mistake))
    return false;
  // Pool cleared, client closed, topology gone: all of them are states of the connection.
  return error instanceof MongoDriverError;
}
