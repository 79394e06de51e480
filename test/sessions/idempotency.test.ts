import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Conversation } from '../../src/conversations/conversation.js';
import type { AuthenticatedCall, Caller } from '../../src/rpc/call.js';
import { CallController } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import {
  deriveConversationId,
  hashRequest,
  idempotencyKeyOf,
  requireRetry,
} from '../../src/sessions/idempotency.js';

const test = suite('idempotency');

const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function call(change: Partial<AuthenticatedCall> = {}, headers: Readonly<Record<string, string>> = {}) {
  return {
    surface: 'chat',
    transport: 'http',
    requestId: 'r-1',
    timeoutMs: Number.POSITIVE_INFINITY,
    header: (name) => headers[name],
    caller: undefined,
    deadline: 0,
    signal: new CallController().signal,
    ...change,
  } satisfies AuthenticatedCall;
}

const GOOD_KEYS: readonly (readonly [name: string, key: string | undefined])[] = [
  ['none', undefined],
  ['a UUID', '0193aa00-0000-7000-8000-000000000001'],
  ['22 characters', 'A'.repeat(22)],
  ['255 characters', 'z'.repeat(255)],
  ['base64url', 'abc-DEF_0123456789-_xyz'],
];
for (const [name, key] of GOOD_KEYS) {
  test(`Idempotency-Key: accepts ${name}`, () => {
    assert.is(idempotencyKeyOf(call({}, key === undefined ? {} : { 'idempotency-key': key })), key);
  });
}

const BAD_KEYS: readonly (readonly [name: string, key: string])[] = [
  ['an empty one', ''],
  ['21 characters', 'A'.repeat(21)],
  ['256 characters', 'A'.repeat(256)],
  ['a space', `${'A'.repeat(22)} `],
  ['a line break', `${'A'.repeat(22)}\n`],
  ['base64 with + and /', `${'A'.repeat(22)}+/=`],
  ['two of them', `${'A'.repeat(22)}, ${'B'.repeat(22)}`],
  ['letters beyond ASCII', 'é'.repeat(22)],
];
for (const [name, key] of BAD_KEYS) {
  test(`Idempotency-Key: refuses ${name}, without quoting it`, () => {
    try {
      idempotencyKeyOf(call({}, { 'idempotency-key': key }));
    } catch (error) {
      assert.instance(error, ServiceError);
      assert.is(error instanceof ServiceError && error.code, 'invalid_input');
      if (key !== '') assert.not.match(String(error), key);
      return;
    }
    assert.unreachable('was let in');
  });
}

interface Parts {
  readonly surface: 'chat' | 'engine';
  readonly caller: string | undefined;
  readonly keyId: string;
  readonly key: string;
}

const idOf = ({ surface, caller, keyId, key }: Parts): string =>
  deriveConversationId(
    call({ surface, caller: caller === undefined ? undefined : callerOf(caller) }),
    keyId,
    key,
  );

function callerOf(name: string): Caller {
  return { name, scopes: new Set(['open']), tenants: 'all' };
}

const PARTS: Parts = { surface: 'engine', caller: 'agent', keyId: 'key-1', key: 'k'.repeat(22) };

test('the id is the same for the same parts, whatever else the call says', () => {
  const other = call({
    surface: 'engine',
    caller: callerOf('agent'),
    transport: 'grpc',
    requestId: 'r-2',
    deadline: 9,
  });
  assert.is(deriveConversationId(other, PARTS.keyId, PARTS.key), idOf(PARTS));
});

test('ids that were given stay valid: the scheme is not to be changed', () => {
  assert.is(idOf(PARTS), '6a5ab137-82b2-89d0-abc8-093aba569748');
});

const OTHERS: readonly (readonly [name: string, parts: Parts])[] = [
  ['surface', { ...PARTS, surface: 'chat' }],
  ['caller', { ...PARTS, caller: 'other' }],
  ['caller: none', { ...PARTS, caller: undefined }],
  ['widget key', { ...PARTS, keyId: 'key-2' }],
  ['idempotency key', { ...PARTS, key: 'l'.repeat(22) }],
];
for (const [name, parts] of OTHERS) {
  test(`another ${name}, another id`, () => assert.is.not(idOf(parts), idOf(PARTS)));
}

const SHIFTED: readonly (readonly [name: string, a: Parts, b: Parts])[] = [
  ['caller and widget key', { ...PARTS, caller: 'a', keyId: 'bc' }, { ...PARTS, caller: 'ab', keyId: 'c' }],
  [
    'widget key and idempotency key',
    { ...PARTS, keyId: 'a', key: 'bc' },
    { ...PARTS, keyId: 'ab', key: 'c' },
  ],
  [
    'a part that looks like a length',
    { ...PARTS, caller: '1:a', keyId: '' },
    { ...PARTS, caller: '', keyId: '1:a' },
  ],
];
for (const [name, a, b] of SHIFTED) {
  test(`parts that are equal once joined, ${name}: two ids`, () => assert.is.not(idOf(a), idOf(b)));
}

test('every id is a UUIDv8, and one of its own', () => {
  const parts = fc.record({
    surface: fc.constantFrom('chat' as const, 'engine' as const),
    caller: fc.string({ minLength: 1, maxLength: 3 }),
    keyId: fc.string({ maxLength: 3 }),
    key: fc.string({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      assert.match(idOf(a), UUID_V8);
      assert.is(idOf(a) === idOf(b), JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});

const SAME: readonly (readonly [name: string, a: unknown, b: unknown])[] = [
  ['the order of members', { a: 1, b: 2 }, { b: 2, a: 1 }],
  ['the order of inner members', { v: { a: 1, b: [1] } }, { v: { b: [1], a: 1 } }],
  ['the order of members in arrays', { v: [{ a: 1, b: 2 }] }, { v: [{ b: 2, a: 1 }] }],
  ['an absent and an undefined member', { a: 1 }, { a: 1, b: undefined }],
];
for (const [name, a, b] of SAME) {
  test(`one hash: ${name}`, () => assert.is(hashRequest(a), hashRequest(b)));
}

const DIFFERENT: readonly (readonly [name: string, a: unknown, b: unknown])[] = [
  ['a value', { a: 1 }, { a: 2 }],
  ['a type', { a: 1 }, { a: '1' }],
  ['null and absent', { a: null }, {}],
  ['the order of an array', { a: [1, 2] }, { a: [2, 1] }],
  ['an array and an object', { a: ['x'] }, { a: { 0: 'x' } }],
  ['a key', { a: 1 }, { b: 1 }],
  ['__proto__ and nothing', JSON.parse('{"__proto__":1}'), {}],
  ['where a member stands', { a: { b: 1 } }, { a: {}, b: 1 }],
];
for (const [name, a, b] of DIFFERENT) {
  test(`two hashes: ${name}`, () => assert.is.not(hashRequest(a), hashRequest(b)));
}

test('a hash is SHA-256 in base64url', () => assert.match(hashRequest({}), /^[A-Za-z0-9_-]{43}$/));

test('the hash of any object does not depend on the order of its members', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      assert.is(hashRequest(reversed), hashRequest(value));
    }),
  );
});

const NOW = 1_800_000_000_000;

function conversation(change: Partial<Conversation> = {}): Conversation {
  return {
    id: '0193aa00-0000-8000-8000-000000000001',
    tenantId: 't',
    keyId: 'k',
    customerId: undefined,
    locale: undefined,
    variables: {},
    attributes: {},
    origin: undefined,
    surface: 'chat',
    session: { jti: 'j', iat: NOW / 1000, exp: NOW / 1000 + 3_600 },
    idempotency: { requestHash: 'h', until: NOW + 600_000 },
    endedAt: undefined,
    createdAt: NOW,
    updatedAt: NOW,
    purgeAt: NOW + 86_400_000,
    customerVerified: false,
    expiresAt: NOW / 1000 + 3_600,
    revision: 1,
    changes: [],
    ...change,
  };
}

const OPENED = conversation({ session: { jti: 'new', iat: 0, exp: 0 } });
const shortSession = { jti: 'j', iat: NOW / 1000, exp: NOW / 1000 + 60 };
const REPLAYS: readonly (readonly [
  name: string,
  stored: Conversation,
  opened: Conversation,
  now: number,
  outcome: 'replay' | 'different_request' | 'window_over' | 'session_over',
])[] = [
  ['the same request, at once', conversation(), OPENED, NOW, 'replay'],
  ['a millisecond before the window ends', conversation(), OPENED, NOW + 599_999, 'replay'],
  ['at the end of the window', conversation(), OPENED, NOW + 600_000, 'window_over'],
  [
    'a millisecond before the session ends',
    conversation({ session: shortSession }),
    OPENED,
    NOW + 59_999,
    'replay',
  ],
  [
    'at the end of the session',
    conversation({ session: shortSession, expiresAt: shortSession.exp }),
    OPENED,
    NOW + 60_000,
    'session_over',
  ],
  [
    'at the end of its first token, after a refresh',
    conversation({ session: shortSession }),
    OPENED,
    NOW + 60_000,
    'window_over',
  ],
  [
    'another request',
    conversation(),
    conversation({ idempotency: { requestHash: 'other', until: NOW + 600_000 } }),
    NOW,
    'different_request',
  ],
  ['a session that was ended', conversation({ endedAt: NOW }), OPENED, NOW, 'session_over'],
  ['a session that was ended at the epoch', conversation({ endedAt: 0 }), OPENED, NOW, 'session_over'],
  ['a row without a key', conversation({ idempotency: undefined }), OPENED, NOW, 'different_request'],
  [
    'an open without a key',
    conversation(),
    conversation({ idempotency: undefined }),
    NOW,
    'different_request',
  ],
  [
    'neither has a key',
    conversation({ idempotency: undefined }),
    conversation({ idempotency: undefined }),
    NOW,
    'different_request',
  ],
];
function outcomeOf(stored: Conversation, opened: Conversation, now: number): string {
  try {
    // A retry has a token id of its own.
    const retried = { ...opened, session: { ...opened.session, jti: 'another' } };
    return requireRetry(stored, retried, now) === stored ? 'replay' : 'another conversation';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { cause = '', conversationId } = error.details;
    assert.is(error.code, 'idempotency_conflict');
    assert.is(conversationId, opened.surface === 'engine' ? stored.id : undefined);
    return cause;
  }
}

for (const [name, stored, opened, now, outcome] of REPLAYS) {
  test(`${name}: ${outcome}`, () => {
    for (const surface of ['chat', 'engine'] as const) {
      assert.is(outcomeOf(stored, { ...opened, surface }, now), outcome);
    }
  });
}

test('a key in quotes is the key without them', () => {
  const key = 'abc-DEF_0123456789-_xyz';
  assert.is(idempotencyKeyOf(call({}, { 'idempotency-key': `"${key}"` })), key);
  for (const sent of [`"${key}`, `${key}"`, `""${key}""`, `'${key}'`, `"${key}";p`, ` "${key}"`, '""']) {
    assert.throws(() => idempotencyKeyOf(call({}, { 'idempotency-key': sent })), /Idempotency-Key must be/);
  }
});
