import type { Encodable } from './bson/values.js';

/** The names of the error codes that this server answers with (MongoDB, `src/mongo/base/error_codes.yml`). */
const CODE_NAMES = {
  2: 'BadValue',
  8: 'UnknownError',
  9: 'FailedToParse',
  13: 'Unauthorized',
  14: 'TypeMismatch',
  20: 'IllegalOperation',
  22: 'InvalidBSON',
  26: 'NamespaceNotFound',
  43: 'CursorNotFound',
  53: 'InvalidIdField',
  59: 'CommandNotFound',
  66: 'ImmutableField',
  67: 'CannotCreateIndex',
  72: 'InvalidOptions',
  73: 'InvalidNamespace',
  85: 'IndexOptionsConflict',
  86: 'IndexKeySpecsConflict',
  201: 'CannotBuildIndexKeys',
  292: 'QueryExceededMemoryLimitNoDiskUseAllowed',
  10334: 'BSONObjectTooLarge',
  11000: 'DuplicateKey',
  14031: 'OutOfDiskSpace',
} as const;

/** A code of the table above. */
export type MongoErrorCode = keyof typeof CODE_NAMES;

/** An error that is answered to the client: MongoDB's code for it, and further members of the answer. */
export class MongoError extends Error {
  override readonly name = 'MongoError';
  readonly code: MongoErrorCode;
  readonly extra: Readonly<Record<string, Encodable>>;

  constructor(code: MongoErrorCode, message: string, extra: Readonly<Record<string, Encodable>> = {}) {
    super(message);
    this.code = code;
    this.extra = extra;
  }
}

/** The error for a part of MongoDB that this server leaves out; `what` names it. */
export function unsupported(code: MongoErrorCode, what: string): MongoError {
  return new MongoError(code, `the embedded server does not support ${what}`);
}

/** The answer to a command that failed as a whole. */
export function errorReply(error: MongoError): Record<string, Encodable> {
  return {
    ok: 0,
    errmsg: error.message,
    code: error.code,
    codeName: CODE_NAMES[error.code],
    ...error.extra,
  };
}

/** Anything thrown, as an error that can be answered. */
export function toMongoError(thrown: unknown): MongoError {
  if (thrown instanceof MongoError) return thrown;
  return new MongoError(8, thrown instanceof Error ? thrown.message : String(thrown));
}
