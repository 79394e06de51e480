import {
  create,
  fromBinary,
  fromJsonString,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  ChatSessions,
  OpenSessionRequestSchema,
  OpenSessionResponseSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
  type OpenSessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { bridgeRequest, bridgeResponse, readBinary, readJson } from '../../src/rpc/door.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { openSessionViolations } from '../../src/sessions/open-session.js';
import { anyOpenSessionResponse } from '../harness/any-open-session-response.js';
import { lengthDelimited, structEntry, valueBytes } from '../harness/protobuf-wire.js';

const test = suite('door');

const KEY = 'pk_live_00000000000000000000000000000001';
/** How deep a request may be nested: `{}` is 1. */
const MAX_DEPTH = 99;
const rpc = defineRpc({
  method: ChatSessions.method.openSession,
  codec: ChatSessionsService.openSession,
  scope: 'open',
  rules: openSessionViolations,
  handle: async (_request: OpenSessionRequest): Promise<OpenSessionResponse> => {
    throw new Error('not for this');
  },
});

const readText = (text: string | Uint8Array) => readJson(OpenSessionRequestSchema, Buffer.from(text));
const readBytes = (bytes: Uint8Array) => readBinary(OpenSessionRequestSchema, bytes);

/** The sentence of the refusal; undefined when the request is let in. */
function refusal(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    assert.instance(error, ServiceError);
    assert.is(error instanceof ServiceError && error.code, 'invalid_input');
    return error instanceof Error ? error.message : '';
  }
}

const publicKey = lengthDelimited(1, KEY);
const withStruct = (...entries: readonly Uint8Array[]) => lengthDelimited(4, ...entries);
/** `variables` with one entry, whose google.protobuf.Value is these bytes. */
const variable = (key: string | Uint8Array, value: Uint8Array) => withStruct(structEntry(key, value));
const { number: numberValue, true: trueValue } = valueBytes;

/** `[[…[true]…]]`, that many lists. */
function nested(levels: number): Buffer {
  let value: Buffer = trueValue;
  for (let i = 0; i < levels; i++) value = valueBytes.list(value);
  return value;
}

const nestedJson = (levels: number) =>
  `{"publicKey":"${KEY}","variables":{"a":${'['.repeat(levels)}true${']'.repeat(levels)}}}`;

const withVariables = (json: string) => `{"publicKey":"${KEY}","variables":${json}}`;

const GOOD_JSON: readonly (readonly [name: string, text: string, variables: unknown])[] = [
  ['the key alone', `{"publicKey":"${KEY}"}`, undefined],
  ['the proto spelling', `{"public_key":"${KEY}"}`, undefined],
  ['an escaped name', `{"public\\u004bey":"${KEY}"}`, undefined],
  ['white space around', ` \n\t{"publicKey":"${KEY}"}\r\n`, undefined],
  ['null members', `{"publicKey":"${KEY}","customerId":null,"locale":null,"variables":null}`, undefined],
  ['unknown members', `{"publicKey":"${KEY}","other":{"a":[1]},"__proto__":1,"constructor":2}`, undefined],
  ['no variables', withVariables('{}'), {}],
  [
    'every kind of value',
    withVariables('{"a":[1,"x",true,null,[]],"b":{}}'),
    { a: [1, 'x', true, null, []], b: {} },
  ],
  ['a paired surrogate', withVariables('{"a":"\\ud83d\\ude00"}'), { a: '😀' }],
  ['a NUL', withVariables('{"a":"\\u0000"}'), { a: '\0' }],
  ['the largest double', withVariables('{"a":1.7976931348623157e308}'), { a: Number.MAX_VALUE }],
  ['a name of Object.prototype', withVariables('{"constructor":1}'), { constructor: 1 }],
  ['a key that breaks a rule', withVariables('{"Bad Key":1,"":2}'), { 'Bad Key': 1, '': 2 }],
];
for (const [name, text, variables] of GOOD_JSON) {
  test(`JSON lets in ${name}`, () => {
    const message = readText(text);
    assert.is(message.publicKey, KEY);
    assert.equal(message.variables, variables);
  });
}

const MALFORMED = /^The body is not a well-formed JSON object/;
const BAD_JSON: readonly (readonly [name: string, body: string | Uint8Array, message: RegExp])[] = [
  ['an empty body', '', /^The body is empty/],
  ['white space', ' ', MALFORMED],
  ['no JSON', 'publicKey=x', MALFORMED],
  ['JSON that stops', `{"publicKey":"${KEY}"`, MALFORMED],
  ['a second value', `{"publicKey":"${KEY}"}{}`, MALFORMED],
  ['null', 'null', MALFORMED],
  ['an array', `[{"publicKey":"${KEY}"}]`, MALFORMED],
  ['a string', `"${KEY}"`, MALFORMED],
  ['a number', '1', MALFORMED],
  ['a byte order mark', `\ufeff{"publicKey":"${KEY}"}`, MALFORMED],
  ['UTF-16', Buffer.from(`{"publicKey":"${KEY}"}`, 'utf16le'), MALFORMED],
  [
    'bad UTF-8',
    Buffer.concat([Buffer.from('{"publicKey":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    MALFORMED,
  ],
  ['overlong UTF-8', Buffer.from('{"publicKey":"\xc0\xaf"}', 'latin1'), MALFORMED],
  ['a surrogate in UTF-8', Buffer.from('{"publicKey":"\xed\xa0\x80"}', 'latin1'), MALFORMED],
  ['no key', '{}', /^publicKey is required\.$/],
  ['an empty key', '{"publicKey":""}', /^publicKey is required\.$/],
  ['a null key', '{"publicKey":null}', /^publicKey is required\.$/],
  ['a number as key', '{"publicKey":1}', /^publicKey does not have the type/],
  ['an object as key', '{"publicKey":{}}', /^publicKey does not have the type/],
  ['both spellings', `{"publicKey":"${KEY}","public_key":"${KEY}"}`, /^publicKey .* is given twice/],
  ['a number as customer', `{"publicKey":"${KEY}","customerId":42}`, /^customerId does not have the type/],
  ['an array as locale', `{"publicKey":"${KEY}","locale":["en"]}`, /^locale does not have the type/],
  ['an array as variables', withVariables('[]'), MALFORMED],
  ['a text as variables', withVariables('"{}"'), MALFORMED],
  ['a lone surrogate', withVariables('{"a":"\\ud800"}'), /^variables /],
  ['a lone surrogate in a list', withVariables('{"a":[["\\udc00"]]}'), /^variables /],
  ['a lone surrogate in an object', withVariables('{"a":{"b":"\\udc00"}}'), /^variables /],
  ['a lone surrogate as key', withVariables('{"\\ud800":1}'), /^variables /],
  ['a number that is not finite', withVariables('{"a":1e999}'), /^variables /],
  ['a number that is not finite, in a list', withVariables('{"a":[-1e999]}'), /^variables /],
  ['NaN', withVariables('{"a":NaN}'), MALFORMED],
  ['a lone surrogate as customer', `{"publicKey":"${KEY}","customerId":"\\ud800"}`, /^customerId /],
  ['too deep', nestedJson(5_000), /./],
  [
    'too deep, in an unknown member',
    `{"publicKey":"${KEY}","x":${'['.repeat(99)}${']'.repeat(99)}}`,
    MALFORMED,
  ],
  ['too deep, and no JSON', '['.repeat(60_000), MALFORMED],
  ['variables twice', `{"publicKey":"${KEY}","variables":{},"variables":{}}`, MALFORMED],
  [
    'variables that hold a lone surrogate, beside a bad member',
    `{"publicKey":"${KEY}","variables":{"a":"\\ud800"},"locale":1}`,
    /^variables holds a lone surrogate/,
  ],
];
for (const [name, body, message] of BAD_JSON) {
  test(`JSON refuses ${name}`, () => {
    const said = refusal(() => readText(body));
    assert.ok(said !== undefined, 'was let in');
    assert.match(said ?? '', message);
  });
}

const TWICE: readonly (readonly [name: string, text: string])[] = [
  ['publicKey', `{"publicKey":"${KEY}","publicKey":"${KEY}"}`],
  ['publicKey, once escaped', `{"publicKey":"${KEY}","public\\u004bey":"${KEY}"}`],
  ['a variable', withVariables('{"a":1,"a":2}')],
  ['a variable, once escaped', withVariables('{"a":1,"\\u0061":2}')],
  ['__proto__', withVariables('{"__proto__":1,"__proto__":2}')],
];
for (const [name, text] of TWICE) {
  test(`JSON refuses ${name}, given twice`, () => assert.ok(refusal(() => readText(text)) !== undefined));
}

/** A varint, 8 bytes, bytes, a group that holds a group, and 4 bytes, of fields that no message has. */
const unknown = Buffer.from([
  ...[0x78, 0xff, 0x01, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 2, 0x0a, 0xff],
  ...[0x7b, 0x7b, 0x08, 0x01, 0x7c, 0x7c, 0x7d, 1, 2, 3, 4],
]);

const GOOD_BYTES: readonly (readonly [name: string, bytes: Uint8Array, variables: unknown])[] = [
  ['the key alone', publicKey, undefined],
  ['an unknown field', Buffer.concat([publicKey, lengthDelimited(15, 'x')]), undefined],
  ['a field given twice: the last counts', Buffer.concat([lengthDelimited(1, 'x'), publicKey]), undefined],
  ['no variables', Buffer.concat([publicKey, lengthDelimited(4)]), {}],
  ['a variable', Buffer.concat([publicKey, variable('a', trueValue)]), { a: true }],
  ['null', Buffer.concat([publicKey, variable('a', Buffer.from([0x08, 0]))]), { a: null }],
  ['a value without a kind: null', Buffer.concat([publicKey, variable('a', Buffer.alloc(0))]), { a: null }],
  [
    'an entry without a value: null',
    Buffer.concat([publicKey, withStruct(lengthDelimited(1, lengthDelimited(1, 'a')))]),
    { a: null },
  ],
  [
    'an entry without a key: the empty text',
    Buffer.concat([publicKey, withStruct(lengthDelimited(1, lengthDelimited(2, trueValue)))]),
    { '': true },
  ],
  [
    'an entry whose value is first',
    Buffer.concat([
      publicKey,
      withStruct(lengthDelimited(1, lengthDelimited(2, trueValue), lengthDelimited(1, 'a'))),
    ]),
    { a: true },
  ],
  ['variables before the key', Buffer.concat([variable('a', trueValue), publicKey]), { a: true }],
  [
    'unknown fields wherever they can be',
    Buffer.concat([
      unknown,
      publicKey,
      withStruct(
        unknown,
        lengthDelimited(
          1,
          unknown,
          lengthDelimited(1, 'a'),
          lengthDelimited(
            2,
            unknown,
            lengthDelimited(6, unknown, lengthDelimited(1, unknown, trueValue), unknown),
          ),
          unknown,
        ),
        unknown,
      ),
    ]),
    { a: [true] },
  ],
  [
    'one key in two objects',
    Buffer.concat([publicKey, variable('a', valueBytes.struct(structEntry('a', trueValue)))]),
    { a: { a: true } },
  ],
  [
    'a length in more bytes than it needs',
    Buffer.concat([publicKey, Buffer.from([0x22, 0x80, 0x80, 0x00])]),
    {},
  ],
  [
    'the byte order mark as text',
    Buffer.concat([publicKey, variable('\ufeff', valueBytes.text('\ufeff'))]),
    { '\ufeff': '\ufeff' },
  ],
  ['the number 0', Buffer.concat([publicKey, variable('a', numberValue(0))]), { a: 0 }],
  ['a NUL', Buffer.concat([publicKey, variable('a', lengthDelimited(3, '\0'))]), { a: '\0' }],
];
for (const [name, bytes, variables] of GOOD_BYTES) {
  test(`protobuf lets in ${name}`, () => {
    const message = readBytes(bytes);
    assert.is(message.publicKey, KEY);
    assert.equal(message.variables, variables);
    assert.equal(Object.keys(message).includes('$unknown'), false);
  });
}

const BROKEN = /^The message is not a well-formed protobuf message/;
const TWICE_GIVEN = /^variables .* is given twice\.$/;
const TWICE_HELD = /^variables holds a member that is given twice\.$/;
const bad = (...parts: readonly Uint8Array[]) => Buffer.concat([publicKey, ...parts]);
const BAD_BYTES: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ['nothing', Buffer.alloc(0), /^publicKey is required\.$/],
  ['an empty key', lengthDelimited(1), /^publicKey is required\.$/],
  ['a key that stops', publicKey.subarray(0, -1), BROKEN],
  ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0x03, 0x41]), BROKEN],
  ['field number 0', bad(Buffer.from([0x00, 0x01])), BROKEN],
  ['wire type 7', bad(Buffer.from([0x0f])), BROKEN],
  ['a varint without end', bad(Buffer.alloc(11, 0xff)), BROKEN],
  ['an end without a group', bad(Buffer.from([0x0c])), BROKEN],
  ['JSON', Buffer.from(`{"publicKey":"${KEY}"}`), BROKEN],
  ['bad UTF-8 as key', lengthDelimited(1, Buffer.from([0xff])), /./],
  ['bad UTF-8 as customer', bad(lengthDelimited(2, Buffer.from([0xc3, 0x28]))), /./],
  ['bad UTF-8 in a variable', bad(variable('a', lengthDelimited(3, Buffer.from([0xff])))), /./],
  ['bad UTF-8 as the key of a variable', bad(variable(Buffer.from([0xff]), trueValue)), /./],
  ['a surrogate in UTF-8', bad(lengthDelimited(2, Buffer.from([0xed, 0xa0, 0x80]))), /./],
  ['NaN', bad(variable('a', numberValue(Number.NaN))), /./],
  ['infinity', bad(variable('a', numberValue(Number.POSITIVE_INFINITY))), /./],
  [
    '-infinity in a list',
    bad(variable('a', lengthDelimited(6, lengthDelimited(1, numberValue(-Infinity))))),
    /./,
  ],
  ['variables given twice', bad(variable('a', trueValue), variable('b', trueValue)), TWICE_GIVEN],
  [
    'variables given twice, with a field between',
    bad(withStruct(), lengthDelimited(2, 'x'), withStruct()),
    TWICE_GIVEN,
  ],
  ['a key twice', bad(withStruct(structEntry('a', trueValue), structEntry('a', trueValue))), TWICE_HELD],
  [
    'a key twice: __proto__',
    bad(withStruct(structEntry('__proto__', trueValue), structEntry('__proto__', trueValue))),
    TWICE_HELD,
  ],
  [
    'a key twice: left out, and empty',
    bad(withStruct(lengthDelimited(1), structEntry('', trueValue))),
    TWICE_HELD,
  ],
  [
    'a key twice, deep',
    bad(
      variable(
        'a',
        valueBytes.list(valueBytes.struct(structEntry('a', trueValue), structEntry('a', trueValue))),
      ),
    ),
    TWICE_HELD,
  ],
  [
    'an entry of two keys',
    bad(withStruct(lengthDelimited(1, lengthDelimited(1, 'a'), lengthDelimited(1, 'b')))),
    TWICE_HELD,
  ],
  [
    'an entry of two values',
    bad(
      withStruct(
        lengthDelimited(1, lengthDelimited(2, valueBytes.struct()), lengthDelimited(2, valueBytes.struct())),
      ),
    ),
    TWICE_HELD,
  ],
  ...Object.entries({
    null: valueBytes.null,
    number: numberValue(1),
    text: valueBytes.text(''),
    true: trueValue,
    struct: valueBytes.struct(),
    list: valueBytes.list(),
  }).flatMap(([kind, value]) => [
    [
      `a value of a kind given twice: ${kind}`,
      bad(variable('a', Buffer.concat([value, value]))),
      TWICE_HELD,
    ] as const,
    [
      `a value of two kinds: ${kind} and true`,
      bad(variable('a', Buffer.concat([value, trueValue]))),
      TWICE_HELD,
    ] as const,
  ]),
  ['the key as a number', bad(Buffer.from([0x08, 0x01])), BROKEN],
  ['variables as a number', bad(Buffer.from([0x20, 0x00])), BROKEN],
  ['a variable as a number', bad(withStruct(Buffer.from([0x08, 0x00]))), BROKEN],
  ['a text as a number, in a variable', bad(variable('a', Buffer.from([0x18, 0x00]))), BROKEN],
  ['a number as a text, in a variable', bad(variable('a', Buffer.from([0x12, 0x00]))), BROKEN],
  ['variables that go beyond the end', bad(Buffer.from([0x22, 0x09])), BROKEN],
  [
    'a value that goes beyond its entry',
    bad(withStruct(Buffer.from([0x0a, 0x02, 0x12, 0x02])), trueValue),
    BROKEN,
  ],
  [
    'a list that goes beyond its value',
    bad(variable('a', Buffer.from([0x32, 0x02])), Buffer.from([0x0a, 0x00])),
    BROKEN,
  ],
  ['a group in a variable that does not end', bad(variable('a', Buffer.from([0x7b, 0x7c, 0x7b]))), BROKEN],
  ['groups nested 300 deep', bad(Buffer.alloc(300, 0x7b), Buffer.alloc(300, 0x7c)), BROKEN],
];
for (const [name, bytes, message] of BAD_BYTES) {
  test(`protobuf refuses ${name}`, () => {
    const said = refusal(() => readBytes(bytes));
    assert.ok(said !== undefined, 'was let in');
    assert.match(said ?? '', message);
  });
}

for (const [levels, accepted] of [
  [4, true],
  [97, true],
  [98, false],
  [1_000, false],
] as const) {
  test(`${levels} nested lists are ${accepted ? 'let in' : 'refused'}, by JSON and protobuf alike`, () => {
    assert.is(refusal(() => readText(nestedJson(levels))) === undefined, accepted, 'JSON');
    assert.is(
      refusal(() => readBytes(bad(variable('a', nested(levels))))) === undefined,
      accepted,
      'protobuf',
    );
  });
}

test('__proto__ is a key like any other, for the rules to refuse', () => {
  for (const message of [
    readText(withVariables('{"__proto__":1}')),
    readBytes(bad(variable('__proto__', trueValue))),
  ]) {
    assert.equal(Object.keys(message.variables ?? {}), ['__proto__']);
    assert.equal(
      openSessionViolations(message).map(({ field, rule }) => [field, rule]),
      [['variables.__proto__', 'variables.key']],
    );
  }
});

test('a refusal never quotes what was sent', () => {
  const secret = 'hunter2-hunter2';
  const bodies = [
    `{"publicKey":{"${secret}":1}}`,
    `{"publicKey":["${secret}"]}`,
    `{"publicKey":"${KEY}","customerId":["${secret}"]}`,
    withVariables(`"${secret}"`),
    withVariables(`{"a":"${secret}\\ud800"}`),
    withVariables(`{"${secret}":1,"${secret}":1}`),
    `${secret}`,
    `{"${secret}"`,
  ];
  for (const body of bodies) assert.not.match(refusal(() => readText(body)) ?? '', secret);
});

/** What the rules allow as a value, with what encodings trip over. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant('\0'));
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0, Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER + 2, 2 ** 63),
  fc.integer(),
  text,
  fc.boolean(),
  fc.constant(null),
);
const list = (items: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> => fc.array(items, { maxLength: 3 });
const deep = list(fc.oneof(scalar, list(fc.oneof(scalar, list(fc.oneof(scalar, list(scalar)))))));
const variableKey = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,63}$/),
  fc.constantFrom('constructor', 'prototype', 'valueof', 'length', 'then', 'tojson', 'name', 'fields'),
);
const variables: fc.Arbitrary<JsonObject> = fc.dictionary(variableKey, fc.oneof(scalar, deep), {
  maxKeys: 8,
});
const request = fc.record({
  publicKey: fc.string({ minLength: 1, unit: 'grapheme' }),
  customerId: text,
  customerToken: text,
  locale: fc.constantFrom('', 'en-GB', 'zh-Hant-TW'),
  variables: fc.option(variables, { nil: undefined }),
});

/** Exact: tells -0 from 0, and an absent member from an undefined one. Order of members aside. */
function same(a: unknown, b: unknown, path: string): void {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
    assert.ok(Object.is(a, b), `${path}: ${String(a)} / ${String(b)}`);
    return;
  }
  assert.is(Array.isArray(a), Array.isArray(b), path);
  assert.equal(Object.keys(a).sort(), Object.keys(b).sort(), path);
  for (const key of Object.keys(a)) same(Reflect.get(a, key), Reflect.get(b, key), `${path}.${key}`);
}

test('the bridge keeps every field of any request, from either format', () => {
  fc.assert(
    fc.property(request, ({ variables: sent, ...fields }) => {
      const init = { ...fields, ...(sent && { variables: sent }) };
      const message = create(OpenSessionRequestSchema, init);
      const wanted = { ...fields, variables: sent };
      const fromBytes = readBytes(toBinary(OpenSessionRequestSchema, message));
      same(bridgeRequest(rpc, fromBytes), wanted, 'protobuf');
      // JSON writes -0 as 0, which is not the door's doing.
      const json = toJsonString(OpenSessionRequestSchema, message);
      same(
        bridgeRequest(rpc, readText(json)),
        { ...fields, variables: sent && JSON.parse(JSON.stringify(sent)) },
        'JSON',
      );
    }),
    { numRuns: 500 },
  );
});

/** Requests as bytes, some parts of them given again, left out, or changed. */
const anyBytes = fc
  .record({
    request,
    parts: fc.array(fc.tuple(fc.nat(), fc.nat(40)), { maxLength: 3 }),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
  })
  .map(({ request: { variables: sent, ...fields }, parts, changes }) => {
    const init = { ...fields, ...(sent && { variables: sent }) };
    let bytes: Buffer = Buffer.from(
      toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, init)),
    );
    for (const [at, length] of parts) {
      const start = at % bytes.length;
      const part = bytes.subarray(start, start + length);
      bytes = Buffer.concat([bytes.subarray(0, start), part, part, bytes.subarray(start + length)]);
    }
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes;
  });

test('whatever bytes it reads, protobuf-es reads the same from them', () => {
  let read = 0;
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      if (refusal(() => readBytes(bytes)) !== undefined) return;
      read++;
      const theirs = fromBinary(OpenSessionRequestSchema, bytes, {
        readUnknownFields: false,
        recursionLimit: 198,
      });
      same(readBytes(bytes), theirs, bytes.toString('hex'));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(read > 100, `only ${read} could be read`);
});

/** A text, an object, or something else in JSON. */
const anyJson = {
  text: fc.string({ maxLength: 5 }).map((sent) => JSON.stringify(sent)),
  object: fc
    .dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
    .map((sent) => JSON.stringify(sent)),
  other: fc.oneof(
    fc.constantFrom('null', '1', 'true', '[]', '"\\ud800"', '{"a":1e400}', '{"a":{"\\ud800":1}}', '-0'),
    fc.constantFrom(19, 20, 21, 98, 99, 150).map((depth) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`),
  ),
};

/** Members of a request and others, most with values of their type, some given twice, in both spellings. */
const anyBody = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom('publicKey', 'customerId', 'locale'), anyJson.text) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('variables'), fc.oneof(anyJson.object, anyJson.other)) },
      fc.tuple(
        fc.constantFrom('public_key', 'other', '__proto__', 'locale'),
        fc.oneof(...Object.values(anyJson)),
      ),
    ),
    { maxLength: 3 },
  )
  .map((members) => `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`);

test('reads any JSON as protobuf-es does, or refuses it as that does', () => {
  const strictly = (body: string) => {
    const message = fromJsonString(OpenSessionRequestSchema, body, { ignoreUnknownFields: true });
    if (depthOf(JSON.parse(body)) > MAX_DEPTH) return undefined;
    return message.publicKey === '' || hasNoJson(message.variables) ? undefined : message;
  };
  const depthOf = (value: JsonValue): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  /** What protobuf-es lets through, and the door does not. */
  const hasNoJson = (value: JsonValue | undefined): boolean => {
    if (typeof value === 'number') return !Number.isFinite(value);
    if (typeof value === 'string') return !value.isWellFormed();
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([name, member]) => !name.isWellFormed() || hasNoJson(member));
  };
  const orUndefined = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  let read = 0;
  fc.assert(
    fc.property(anyBody, (body) => {
      const wanted = orUndefined(() => strictly(body));
      same(
        orUndefined(() => readText(body)),
        wanted,
        body,
      );
      if (wanted) read++;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(read > 100, `only ${read} could be read`);
});

test('JSON and protobuf read the same variables from the same Struct', () => {
  fc.assert(
    fc.property(fc.dictionary(text, fc.jsonValue(), { maxKeys: 5 }), (sent) => {
      const json = JSON.stringify(sent);
      fc.pre(json.isWellFormed());
      const plain: JsonObject = JSON.parse(json);
      const message = readText(withVariables(json));
      const again = readBytes(toBinary(OpenSessionRequestSchema, message));
      same(again.variables, plain, 'variables');
    }),
  );
});

test('the bridge keeps every field of any response, there and back', () => {
  fc.assert(
    fc.property(anyOpenSessionResponse, (answer) => {
      const message = bridgeResponse(rpc, answer);
      assert.is(message.$typeName, OpenSessionResponseSchema.typeName);
      const bytes = toBinary(rpc.method.output, message);
      same(ChatSessionsService.openSession.responseDeserialize(Buffer.from(bytes)), answer, 'response');
    }),
    { numRuns: 200 },
  );
});
