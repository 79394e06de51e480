import { mock } from 'node:test';
import { suite } from '@chatsessions/test-harness';
import {
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb';
import * as assert from 'uvu/assert';
import { fromDriver, isDuplicateKey, runOperation, unavailable } from '../../src/mongo/driver-errors.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { refusal } from '../harness/refusal.js';

const test = suite('driver errors');

/** What the driver says: addresses, names and values that no caller may read. */
const TEXT = 'connect ECONNREFUSED 10.1.2.3:27017 db_secret.conversations dup key: { _id: 42 }';

function serverError(code: number, errorLabels: readonly string[] = []): MongoServerError {
  return new MongoServerError({ message: TEXT, errmsg: TEXT, code, errorLabels: [...errorLabels] });
}

function selectionError(): MongoServerSelectionError {
  return new MongoServerSelectionError(
    TEXT,
    {} as ConstructorParameters<typeof MongoServerSelectionError>[1],
  );
}

/** One of the `writeErrors` of a batch: the driver gives its code by a getter, and its class to nobody. */
function writeError(code: number): object {
  return new (class WriteError {
    readonly errmsg = TEXT;
    get code(): number {
      return code;
    }
  })();
}

function bulkError(code: number): MongoBulkWriteError {
  return new MongoBulkWriteError(
    { message: TEXT, code },
    {} as ConstructorParameters<typeof MongoBulkWriteError>[1],
  );
}

const NOT_NOW: readonly (readonly [name: string, code: number])[] = [
  ['HostUnreachable', 6],
  ['HostNotFound', 7],
  ['MaxTimeMSExpired', 50],
  ['WriteConcernTimeout', 64],
  ['NetworkTimeout', 89],
  ['ShutdownInProgress', 91],
  ['PrimarySteppedDown', 189],
  ['ExceededTimeLimit', 262],
  ['SocketException', 9001],
  ['NotWritablePrimary', 10107],
  ['InterruptedAtShutdown', 11600],
  ['InterruptedDueToReplStateChange', 11602],
  ['NotPrimaryNoSecondaryOk', 13435],
  ['NotPrimaryOrSecondary', 13436],
  ['OutOfDiskSpace', 14031],
  ['ReadConcernMajorityNotAvailableYet', 134],
  ['FailedToSatisfyReadPreference', 133],
  ['WriteConflict', 112],
];

const OURS: readonly (readonly [name: string, code: number])[] = [
  ['BadValue', 2],
  ['Unauthorized', 13],
  ['AuthenticationFailed', 18],
  ['CommandNotFound', 59],
  ['DocumentValidationFailure', 121],
  ['BSONObjectTooLarge', 10334],
  ['DuplicateKey', 11000],
];

const TABLE: readonly (readonly [name: string, error: unknown, code: 'unavailable' | 'internal'])[] = [
  ['a network error', new MongoNetworkError(TEXT), 'unavailable'],
  ['a silent connection', new MongoNetworkTimeoutError(TEXT), 'unavailable'],
  ['no server to be found', selectionError(), 'unavailable'],
  ['a client that is not connected', new MongoNotConnectedError(TEXT), 'unavailable'],
  ['a client that was closed', new MongoClientClosedError(), 'unavailable'],
  ['a closed topology', new MongoTopologyClosedError(TEXT), 'unavailable'],
  ['a write to a socket that was closed', Object.assign(new Error(TEXT), { code: 'EPIPE' }), 'unavailable'],
  ['a socket that was reset', Object.assign(new Error(TEXT), { code: 'ECONNRESET' }), 'unavailable'],
  ['a file that is not there', Object.assign(new Error(TEXT), { code: 'ENOENT' }), 'internal'],
  ...NOT_NOW.map(([name, code]) => [name, serverError(code), 'unavailable'] as const),
  ['any code, labelled as retryable', serverError(2, ['RetryableWriteError']), 'unavailable'],
  [
    'a write concern that timed out',
    new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: TEXT } }),
    'unavailable',
  ],
  ['a single write, not primary', writeError(10107), 'unavailable'],
  ['a single write, not valid', writeError(121), 'internal'],
  ['a batch, not primary', bulkError(10107), 'unavailable'],
  ...OURS.map(([name, code]) => [name, serverError(code), 'internal'] as const),
  ['a mistake of ours', new TypeError(TEXT), 'internal'],
  ['a text', TEXT, 'internal'],
  ['nothing', undefined, 'internal'],
];

for (const [name, error, code] of TABLE) {
  test(`${name} → ${code}, and the driver's text goes to the log alone`, () => {
    const converted = fromDriver(error);
    assert.is(converted.code, code);
    assert.is(converted.cause, error);
    assert.not.match(converted.message, /10\.1\.2\.3|db_secret|dup key|ECONN/);
    assert.is(converted.details.retryAfterSeconds, code === 'unavailable' ? 1 : undefined);
  });
}

test('an error that is ours already stays as it is', () => {
  const error = new ServiceError('not_found', 'No such conversation.');
  assert.is(fromDriver(error), error);
});

test('unavailable says when to try again, and keeps its cause', () => {
  const cause = new Error(TEXT);
  const error = unavailable('Later.', cause);
  assert.equal(
    [error.code, error.message, error.details],
    ['unavailable', 'Later.', { retryAfterSeconds: 1 }],
  );
  assert.is(error.cause, cause);
});

const DUPLICATES: readonly (readonly [name: string, error: unknown, duplicate: boolean])[] = [
  ['MongoServerError 11000', serverError(11000), true],
  ['WriteError 11000', writeError(11000), true],
  ['MongoBulkWriteError 11000', bulkError(11000), true],
  ['MongoServerError 121', serverError(121), false],
  ['WriteError 121', writeError(121), false],
  ['a network error', new MongoNetworkError(TEXT), false],
  ['a code in text', Object.assign(new Error(TEXT), { code: '11000' }), false],
  ['a ServiceError', new ServiceError('internal', 'x'), false],
  ['null', null, false],
  ['undefined', undefined, false],
  ['a number', 11000, false],
];
for (const [name, error, duplicate] of DUPLICATES) {
  test(`isDuplicateKey: ${name} → ${duplicate}`, () => assert.is(isDuplicateKey(error), duplicate));
}

test('runOperation answers what the operation answers', async () => {
  assert.is(await runOperation(async () => 42), 42);
});

test('runOperation converts rejections and throws', async () => {
  const rejects = () => Promise.reject(new MongoNetworkError(TEXT));
  const throws = (): Promise<never> => {
    throw new MongoNetworkError(TEXT);
  };
  for (const operation of [rejects, throws])
    assert.is((await refusal(runOperation(operation))).code, 'unavailable');
});

test('runOperation lets our own errors through', async () => {
  const error = new ServiceError('not_found', 'No such conversation.');
  assert.is(await refusal(runOperation(() => Promise.reject(error))), error);
});

const timed = suite('operations that take too long');
timed.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
timed.after.each(() => mock.timers.reset());

timed('an operation is given up after 4 s', async () => {
  let settled = false;
  const answer = refusal(runOperation(() => new Promise(() => {}))).finally(() => {
    settled = true;
  });
  mock.timers.tick(3_999);
  await Promise.resolve();
  assert.not.ok(settled);
  mock.timers.tick(1);
  const error = await answer;
  assert.is(error.code, 'unavailable');
  assert.is(error.details.retryAfterSeconds, 1);
});

timed('what fails after it was given up troubles nobody', async () => {
  let fail: (error: Error) => void = () => {};
  const answer = refusal(
    runOperation(
      () =>
        new Promise((_resolve, reject) => {
          fail = reject;
        }),
    ),
  );
  mock.timers.tick(4_000);
  assert.is((await answer).code, 'unavailable');
  // An unhandled rejection would fail this file.
  fail(new MongoNetworkError(TEXT));
  await new Promise((resolve) => setImmediate(resolve));
});
