import type { Encodable } from './bson/encode.js';

/** Error names by number, of those that this server answers (MongoDB, `src/mongo/base/error_codes.yml`). */
const codeNames = {
  2: 'BadValue',
  8: 'UnknownError',
  9: 'FailedToParse',
  13: 'Unauthorized',
  14: 'TypeMismatch',
  20: 'IllegalOperation',
  22: 'InvalidBSON',
  26: 'NamespaceNotFound',
  28: 'PathNotViable',
  40: 'ConflictingUpdateOperators',
  43: 'CursorNotFound',
  50: 'MaxTimeMSExpired',
  53: 'InvalidIdField',
  56: 'EmptyFieldName',
  59: 'CommandNotFound',
  66: 'ImmutableField',
  67: 'CannotCreateIndex',
  72: 'InvalidOptions',
  73: 'InvalidNamespace',
  85: 'IndexOptionsConflict',
  86: 'IndexKeySpecsConflict',
  91: 'ShutdownInProgress',
  201: 'CannotBuildIndexKeys',
  292: 'QueryExceededMemoryLimitNoDiskUseAllowed',
  10334: 'BSONObjectTooLarge',
  11000: 'DuplicateKey',
  14031: 'OutOfDiskSpace',
} as const;

/** A code of the table above. */
export type MongoErrorCode = keyof typeof codeNames;

/** An error that a client is told, with MongoDB's number for it and whatever else its answer carries. */
export class MongoError extends Error {
  readonly code: MongoErrorCode;
  readonly extra: Readonly<Record<string, Encodable>>;

  constructor(code: MongoErrorCode, message: string, extra: Readonly<Record<string, Encodable>> = {}) {
    super(message);
    this.name = 'MongoError';
    this.code = code;
    this.extra = extra;
  }
}

/** The answer to a command that failed as a whole. */
export function errorReply(error: MongoError): Record<string, Encodable> {
  return {
    ok: 0,
    errmsg: error.message,
    code: error.code,
    codeName: codeNames[error.code],
    ...error.extra,
  };
}

/** Whatever was thrown, as something that a client may be told. */
export function toMongoError(thrown: unknown): MongoError {
  if (thrown instanceof MongoError) return thrown;
  return new MongoError(8, thrown instanceof Error ? thrown.message : String(thrown));
}
