import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { mapViolations } from '../../src/conversations/variables.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';
import { errorDetails } from '../../src/rpc/error-details.js';
import {
  errorTable,
  rulesBroken,
  ServiceError,
  toServiceError,
  type Violation,
} from '../../src/rpc/errors.js';

const test = suite('errors');

const violation = (field: string, message = 'It is wrong.'): Violation => ({
  field,
  rule: `${field}.rule`,
  message,
});

const CODES: readonly (readonly [surface: 'chat' | 'engine', code: string])[] = [
  ['chat', 'validation_failed'],
  ['engine', 'invalid_input'],
];
for (const [surface, code] of CODES) {
  test(`broken rules on the ${surface} surface are ${code}, with all of them in order`, () => {
    const violations = [violation('locale'), violation('customerId')];
    const error = rulesBroken(surface, violations);
    assert.is(error.code, code);
    assert.equal(error.details, { violations });
  });
}

const SENTENCES: readonly (readonly [fields: readonly string[], sentence: string])[] = [
  [['locale'], 'The request breaks a rule of locale.'],
  [['locale', 'customerId'], 'The request breaks rules of 2 fields.'],
  [['variables.a', 'variables.b', 'variables.a'], 'The request breaks rules of 2 fields.'],
];
for (const [fields, sentence] of SENTENCES) {
  test(`${fields.join(', ')}: ${sentence}`, () => {
    const error = rulesBroken(
      'chat',
      fields.map((field) => violation(field)),
    );
    assert.is(error.message, sentence);
  });
}

/** Broken rules of as many keys as fit into a request, by what the keys are made of. */
const MANY: readonly (readonly [name: string, key: (n: number) => string, least: number])[] = [
  ['short keys', (n) => `K${n}`, 20],
  ['long keys', (n) => `K${n}${'x'.repeat(200)}`, 10],
  ['control characters, six bytes each once escaped', (n) => `${n}${'\u0001'.repeat(200)}`, 3],
  ['keys of three bytes a character', (n) => `${n}${'語'.repeat(200)}`, 5],
  ['keys of four bytes a character', (n) => `${n}${'😀'.repeat(100)}`, 5],
];
for (const [name, keyOf, least] of MANY) {
  test(`300 broken rules, ${name}: as many as fit are listed, the others are counted`, () => {
    const keys = Array.from({ length: 300 }, (_, n) => [keyOf(n), 1] as const);
    const violations = mapViolations('variables', Object.fromEntries(keys));
    const error = rulesBroken('engine', violations);
    const { violations: listed = [], violationsOmitted = 0 } = error.details;
    assert.ok(listed.length >= least, `${listed.length} listed`);
    assert.equal(listed, violations.slice(0, listed.length));
    assert.is(listed.length + violationsOmitted, violations.length);
  });

  test(`300 broken rules, ${name}: the details fit into 8 KiB of gRPC trailers`, () => {
    const keys = Array.from({ length: 300 }, (_, n) => [keyOf(n), 1] as const);
    const error = rulesBroken('engine', mapViolations('variables', Object.fromEntries(keys)));
    const details = errorDetails(error).map(({ desc, value }) => anyPack(desc, value));
    const status = create(StatusSchema, { code: 3, message: error.message, details });
    const header = Buffer.from(toBinary(StatusSchema, status)).toString('base64');
    assert.ok(header.length < 8192, `${header.length} bytes`);
  });
}

test('nothing is counted as omitted when all are listed', () => {
  assert.not('violationsOmitted' in rulesBroken('chat', [violation('locale')]).details);
});

/** The details by type, as plain values. */
function plain(error: ServiceError): Record<string, unknown> {
  return Object.fromEntries(errorDetails(error).map(({ desc, value }) => [desc.typeName, value]));
}

const DETAILS: readonly (readonly [name: string, error: ServiceError, details: Record<string, unknown>])[] = [
  [
    'a code alone',
    new ServiceError('not_found', 'No such conversation.'),
    {
      'google.rpc.ErrorInfo': create(ErrorInfoSchema, {
        reason: 'not_found',
        domain: 'chatsessions',
        metadata: { http_status: '404' },
      }),
    },
  ],
  [
    'broken rules',
    rulesBroken('chat', [{ field: 'locale', rule: 'locale.bcp47', message: 'No tag.' }]),
    {
      'google.rpc.ErrorInfo': create(ErrorInfoSchema, {
        reason: 'validation_failed',
        domain: 'chatsessions',
        metadata: { http_status: '422' },
      }),
      'google.rpc.BadRequest': create(BadRequestSchema, {
        fieldViolations: [{ field: 'locale', description: 'No tag.', reason: 'locale.bcp47' }],
      }),
    },
  ],
  [
    'broken rules, some not listed',
    new ServiceError('invalid_input', 'Many.', { violations: [], violationsOmitted: 7 }),
    {
      'google.rpc.ErrorInfo': create(ErrorInfoSchema, {
        reason: 'invalid_input',
        domain: 'chatsessions',
        metadata: { http_status: '400', violations_omitted: '7' },
      }),
      'google.rpc.BadRequest': create(BadRequestSchema),
    },
  ],
  [
    'a time to try again',
    new ServiceError('unavailable', 'Later.', { retryAfterSeconds: 3 }),
    {
      'google.rpc.ErrorInfo': create(ErrorInfoSchema, {
        reason: 'unavailable',
        domain: 'chatsessions',
        metadata: { http_status: '503' },
      }),
      'google.rpc.RetryInfo': create(RetryInfoSchema, { retryDelay: { seconds: 3n, nanos: 0 } }),
    },
  ],
];
for (const [name, error, details] of DETAILS) {
  test(`details of ${name}`, () => assert.equal(plain(error), details));
}

test('the cause is in no detail', () => {
  const error = new ServiceError('internal', 'Something went wrong.', {}, new Error('secret'));
  const text = errorDetails(error)
    .map(({ desc, value }) => Buffer.from(toBinary(desc, value)).toString('latin1'))
    .join();
  assert.not.match(text, 'secret');
});

test('every code has an error status on both protocols', () => {
  for (const [code, { http, grpc }] of Object.entries(errorTable)) {
    assert.ok(http >= 400 && http < 600, code);
    assert.ok(grpc >= 1 && grpc <= 16, code);
  }
});

const THROWN: readonly (readonly [name: string, thrown: unknown])[] = [
  ['an Error', new Error('db.secret:27017')],
  ['a string', 'db.secret:27017'],
  ['undefined', undefined],
  ['null', null],
  ['an object that looks like ours', { name: 'ServiceError', code: 'not_found', message: 'db.secret:27017' }],
];
for (const [name, thrown] of THROWN) {
  test(`${name} becomes internal, with a fixed sentence`, () => {
    const error = toServiceError(thrown);
    assert.equal([error.code, error.message], ['internal', 'Something went wrong on our side.']);
    assert.is(error.cause, thrown);
    assert.equal(error.details, {});
  });
}

test('a ServiceError stays itself', () => {
  const error = new ServiceError('not_found', 'No such conversation.');
  assert.is(toServiceError(error), error);
  assert.instance(error, Error);
  assert.is(error.name, 'ServiceError');
});
