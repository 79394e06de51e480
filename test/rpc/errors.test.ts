import { readFileSync } from 'node:fs';
import { create, isMessage, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { mapViolations } from '../../src/conversations/variables.js';
import { publicRefusal } from '../../src/gateway/rest.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';
import { shapeFaults } from '../../src/rpc/decode/invalid-input.js';
import { errorDetails, toReason } from '../../src/rpc/error-details.js';
import {
  errorTable,
  rulesBroken,
  ServiceError,
  toServiceError,
  type Violation,
} from '../../src/rpc/errors.js';
import { protoPath } from '../../src/rpc/field-path.js';
import type { Surface } from '../../src/rpc/surface.js';
import { REASON, reasonOf } from '../harness/error-details.js';
import { repoFile } from '../harness/repo-file.js';
import { readTable } from '../parity/read-table.js';
import { stepsOf } from '../parity/row.js';
import { TABLES } from '../parity/tables.js';

const test = suite('errors');

const violation = (field: string, message = 'It is wrong.'): Violation => ({
  field,
  rule: `${field}.rule`,
  message,
});

test('broken rules are validation_failed, with all of them in order', () => {
  const violations = [violation('locale'), violation('customerId')];
  const error = rulesBroken(violations);
  assert.is(error.code, 'validation_failed');
  assert.equal(error.details, { violations });
});

const SENTENCES: readonly (readonly [fields: readonly string[], sentence: string])[] = [
  [['locale'], 'The request breaks a rule of locale.'],
  [['locale', 'customerId'], 'The request breaks rules of 2 fields.'],
  [['variables.a', 'variables.b', 'variables.a'], 'The request breaks rules of 2 fields.'],
];
for (const [fields, sentence] of SENTENCES) {
  test(`${fields.join(', ')}: ${sentence}`, () => {
    const error = rulesBroken(fields.map((field) => violation(field)));
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
  const violations = mapViolations(
    'variables',
    Object.fromEntries(Array.from({ length: 300 }, (_, n) => [keyOf(n), 1] as const)),
  );
  const error = rulesBroken(violations);

  test(`300 broken rules, ${name}: as many as fit are listed, the others are counted`, () => {
    const [info, request] = errorDetails(error, 'engine').map(({ value }) => value);
    const listed = isMessage(request, BadRequestSchema) ? request.fieldViolations : [];
    const omitted = isMessage(info, ErrorInfoSchema) ? info.metadata['violations_omitted'] : undefined;
    assert.ok(listed.length >= least, `${listed.length} listed`);
    assert.equal(
      listed.map(({ field }) => field),
      violations.slice(0, listed.length).map(({ field }) => field),
    );
    assert.is(listed.length + Number(omitted), violations.length);
  });

  test(`300 broken rules, ${name}: the details fit into 8 KiB of gRPC trailers`, () => {
    const details = errorDetails(error, 'engine').map(({ desc, value }) => anyPack(desc, value));
    const status = create(StatusSchema, { code: 3, message: error.message, details });
    const header = Buffer.from(toBinary(StatusSchema, status)).toString('base64');
    assert.ok(header.length < 8192, `${header.length} bytes`);
  });

  test(`300 broken rules, ${name}: the public path lists all`, () => {
    assert.equal(JSON.parse(publicRefusal(error)).details.violations, violations);
  });
}

/** The details by type, as plain values. */
function plain(error: ServiceError, surface: Surface): Record<string, unknown> {
  return Object.fromEntries(errorDetails(error, surface).map(({ desc, value }) => [desc.typeName, value]));
}

const info = (code: string, reason: string, httpStatus: string) =>
  create(ErrorInfoSchema, {
    reason,
    domain: 'chatsessions',
    metadata: { code, http_status: httpStatus },
  });
const broken = rulesBroken([
  { field: 'removeVariables', rule: 'remove_variables.key', message: 'No key.' },
  { field: 'variables["A b"]', rule: 'variables.key', message: 'No key.' },
]);
const fieldViolations = (...fields: readonly string[]) =>
  create(BadRequestSchema, {
    fieldViolations: ['REMOVE_VARIABLES_KEY', 'VARIABLES_KEY'].map((reason, index) => ({
      field: fields[index] ?? '',
      description: 'No key.',
      reason,
    })),
  });

const DETAILS: readonly (readonly [
  name: string,
  error: ServiceError,
  surface: Surface,
  details: Record<string, unknown>,
])[] = [
  [
    'a code alone',
    new ServiceError('not_found', 'No such conversation.'),
    'engine',
    { 'google.rpc.ErrorInfo': info('not_found', 'NOT_FOUND', '404') },
  ],
  [
    'broken rules on the chat surface',
    broken,
    'chat',
    {
      'google.rpc.ErrorInfo': info('validation_failed', 'VALIDATION_FAILED', '422'),
      'google.rpc.BadRequest': fieldViolations('removeVariables', 'variables["A b"]'),
    },
  ],
  [
    'broken rules on the engine surface',
    broken,
    'engine',
    {
      'google.rpc.ErrorInfo': info('invalid_input', 'INVALID_INPUT', '422'),
      'google.rpc.BadRequest': fieldViolations('remove_variables', 'variables["A b"]'),
    },
  ],
  [
    'a malformed request',
    new ServiceError('invalid_input', 'No JSON.'),
    'engine',
    { 'google.rpc.ErrorInfo': info('invalid_input', 'INVALID_INPUT', '400') },
  ],
  [
    'a time to try again',
    new ServiceError('unavailable', 'Later.', { retryAfterSeconds: 3 }),
    'chat',
    {
      'google.rpc.ErrorInfo': info('unavailable', 'UNAVAILABLE', '503'),
      'google.rpc.RetryInfo': create(RetryInfoSchema, { retryDelay: { seconds: 3n, nanos: 0 } }),
    },
  ],
];
for (const [name, error, surface, details] of DETAILS) {
  test(`details of ${name}`, () => assert.equal(plain(error, surface), details));
}

const FIELDS = ChatSessions.methods.flatMap(({ input }) => input.fields);
for (const [jsonName, name] of new Map(FIELDS.map((field) => [field.jsonName, field.name]))) {
  test(`the proto path of ${jsonName} is ${name}`, () => {
    assert.is(protoPath(jsonName), name);
    assert.is(protoPath(`${jsonName}["A.bC"]`), `${name}["A.bC"]`);
    assert.is(protoPath(`${jsonName}.aB`), `${name}.aB`);
  });
}

test('the proto path of a field of a message in the request', () => {
  assert.is(
    protoPath('definition.widgetKeys[0].allowedOrigins[1]'),
    'definition.widget_keys[0].allowed_origins[1]',
  );
});

/** google.rpc.ErrorInfo.reason: at most 63 characters of this form. */
for (const id of new Set([...Object.keys(errorTable), ...Object.keys(shapeFaults), ...rulesOfRows()])) {
  test(`${id} makes a reason of google.rpc`, () => {
    assert.match(toReason(id), REASON);
    assert.ok(toReason(id).length <= 63);
    assert.is(toReason(id), reasonOf(id));
  });
}

const docs = ['docs/sessions.md', 'docs/engine-api.md', 'docs/catalog.md']
  .map((path) => readFileSync(repoFile(path), 'utf8'))
  .join();
for (const id of new Set([...Object.keys(shapeFaults), ...rulesOfRows()])) {
  test(`docs/sessions.md, docs/engine-api.md or docs/catalog.md lists ${id}`, () => {
    assert.ok(docs.includes(`\`${id}\``));
  });
}

/** The rule ids that rows of the parity tables name. */
function rulesOfRows(): Set<string> {
  const tables = Object.values(TABLES).flat().map(readTable);
  const rows = tables.flatMap((table) => table.cases.flatMap((row) => stepsOf(row, table)));
  return new Set(rows.flatMap(({ chat, engine }) => [...(chat?.rules ?? []), ...(engine?.rules ?? [])]));
}

test('the cause is in no detail', () => {
  const error = new ServiceError('internal', 'Something went wrong.', {}, new Error('secret'));
  const text = errorDetails(error, 'engine')
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
