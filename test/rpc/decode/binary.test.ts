import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { lengthDelimited, structEntry, valueBytes } from '../../harness/protobuf-wire.js';
import {
  KEY,
  publicKeyBytes,
  readBytes,
  refused,
  structBytes,
  variableBytes,
  withKey,
} from './open-session.js';

const test = suite('decode protobuf');

const { number: numberValue, true: trueValue } = valueBytes;

/** A varint, 8 bytes, bytes, a group that holds a group, and 4 bytes, of fields that no message has. */
const unknown = Buffer.from([
  ...[0x78, 0xff, 0x01, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 2, 0x0a, 0xff],
  ...[0x7b, 0x7b, 0x08, 0x01, 0x7c, 0x7c, 0x7d, 1, 2, 3, 4],
]);

const GOOD_BYTES: readonly (readonly [name: string, bytes: Uint8Array, variables: unknown])[] = [
  ['the key alone', publicKeyBytes, undefined],
  ['an unknown field', withKey(lengthDelimited(15, 'x')), undefined],
  [
    'a field given twice: the last counts',
    Buffer.concat([lengthDelimited(1, 'x'), publicKeyBytes]),
    undefined,
  ],
  ['no variables', withKey(lengthDelimited(4)), {}],
  ['a variable', withKey(variableBytes('a', trueValue)), { a: true }],
  ['null', withKey(variableBytes('a', Buffer.from([0x08, 0]))), { a: null }],
  [
    'an entry without a key: the empty text',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(2, trueValue)))),
    { '': true },
  ],
  [
    'an entry whose value is first',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(2, trueValue), lengthDelimited(1, 'a')))),
    { a: true },
  ],
  ['variables before the key', Buffer.concat([variableBytes('a', trueValue), publicKeyBytes]), { a: true }],
  [
    'unknown fields wherever they can be',
    Buffer.concat([
      unknown,
      publicKeyBytes,
      structBytes(
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
    withKey(variableBytes('a', valueBytes.struct(structEntry('a', trueValue)))),
    { a: { a: true } },
  ],
  ['a length in more bytes than it needs', withKey(Buffer.from([0x22, 0x80, 0x80, 0x00])), {}],
  [
    'the byte order mark as text',
    withKey(variableBytes('\ufeff', valueBytes.text('\ufeff'))),
    { '\ufeff': '\ufeff' },
  ],
  ['the number 0', withKey(variableBytes('a', numberValue(0))), { a: 0 }],
  ['a NUL', withKey(variableBytes('a', lengthDelimited(3, '\0'))), { a: '\0' }],
];
for (const [name, bytes, variables] of GOOD_BYTES) {
  test(`protobuf accepts ${name}`, () => {
    const message = readBytes(bytes);
    assert.is(message.publicKey, KEY);
    assert.equal(message.variables, variables);
    assert.equal(Object.keys(message).includes('$unknown'), false);
  });
}

const BROKEN = /^The message is not a well-formed protobuf message/;
const TWICE_GIVEN = /^duplicate variables$/;
const TWICE_HELD = /^duplicate variables(\.(a|__proto__)|\[""\])?$/;
/** The fault and its field, or else the sentence. */
const BAD_BYTES: readonly (readonly [name: string, bytes: Uint8Array, refused: RegExp])[] = [
  ['nothing', Buffer.alloc(0), /^required publicKey$/],
  ['an empty key', lengthDelimited(1), /^required publicKey$/],
  ['a key that stops', publicKeyBytes.subarray(0, -1), BROKEN],
  ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0x03, 0x41]), BROKEN],
  ['field number 0', withKey(Buffer.from([0x00, 0x01])), BROKEN],
  ['wire type 7', withKey(Buffer.from([0x0f])), BROKEN],
  ['a varint without end', withKey(Buffer.alloc(11, 0xff)), BROKEN],
  ['an end without a group', withKey(Buffer.from([0x0c])), /^type publicKey$/],
  ['JSON', Buffer.from(`{"publicKey":"${KEY}"}`), BROKEN],
  ['bad UTF-8 as key', lengthDelimited(1, Buffer.from([0xff])), /^utf8 publicKey$/],
  ['bad UTF-8 as customer', withKey(lengthDelimited(2, Buffer.from([0xc3, 0x28]))), /^utf8 customerId$/],
  [
    'bad UTF-8 in a variable',
    withKey(variableBytes('a', lengthDelimited(3, Buffer.from([0xff])))),
    /^utf8 variables\.a$/,
  ],
  [
    'bad UTF-8 as the key of a variable',
    withKey(variableBytes(Buffer.from([0xff]), trueValue)),
    /^utf8 variables$/,
  ],
  ['a surrogate in UTF-8', withKey(lengthDelimited(2, Buffer.from([0xed, 0xa0, 0x80]))), /^utf8 customerId$/],
  ['NaN', withKey(variableBytes('a', numberValue(Number.NaN))), /^not_finite variables\.a$/],
  [
    'infinity',
    withKey(variableBytes('a', numberValue(Number.POSITIVE_INFINITY))),
    /^not_finite variables\.a$/,
  ],
  [
    '-infinity in a list',
    withKey(variableBytes('a', lengthDelimited(6, lengthDelimited(1, numberValue(-Infinity))))),
    /^not_finite variables\.a$/,
  ],
  [
    'variables given twice',
    withKey(variableBytes('a', trueValue), variableBytes('b', trueValue)),
    TWICE_GIVEN,
  ],
  [
    'variables given twice, with a field between',
    withKey(structBytes(), lengthDelimited(2, 'x'), structBytes()),
    TWICE_GIVEN,
  ],
  ['a key twice', withKey(structBytes(structEntry('a', trueValue), structEntry('a', trueValue))), TWICE_HELD],
  [
    'a key twice: __proto__',
    withKey(structBytes(structEntry('__proto__', trueValue), structEntry('__proto__', trueValue))),
    TWICE_HELD,
  ],
  [
    'a key twice: left out, and empty',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(2, trueValue)), structEntry('', trueValue))),
    TWICE_HELD,
  ],
  [
    'a key twice, deep',
    withKey(
      variableBytes(
        'a',
        valueBytes.list(valueBytes.struct(structEntry('a', trueValue), structEntry('a', trueValue))),
      ),
    ),
    TWICE_HELD,
  ],
  [
    'an entry of two keys',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(1, 'a'), lengthDelimited(1, 'b')))),
    TWICE_HELD,
  ],
  [
    'an entry of two values',
    withKey(
      structBytes(
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
      withKey(variableBytes('a', Buffer.concat([value, value]))),
      TWICE_HELD,
    ] as const,
    [
      `a value of two kinds: ${kind} and true`,
      withKey(variableBytes('a', Buffer.concat([value, trueValue]))),
      TWICE_HELD,
    ] as const,
  ]),
  ['the key as a number', withKey(Buffer.from([0x08, 0x01])), /^type publicKey$/],
  ['variables as a number', withKey(Buffer.from([0x20, 0x00])), /^type variables$/],
  ['a value without a kind', withKey(variableBytes('a', Buffer.alloc(0))), /^no_kind variables\.a$/],
  [
    'an entry without a value',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(1, 'a')))),
    /^no_kind variables\.a$/,
  ],
  ['an entry with nothing', withKey(structBytes(lengthDelimited(1))), /^no_kind variables$/],
  [
    'a value without a kind, before its key',
    withKey(structBytes(lengthDelimited(1, lengthDelimited(2), lengthDelimited(1, 'a')))),
    /^no_kind variables$/,
  ],
  [
    'a value without a kind, in an object before its key',
    withKey(
      structBytes(
        lengthDelimited(
          1,
          lengthDelimited(2, valueBytes.struct(structEntry('b', Buffer.alloc(0)))),
          lengthDelimited(1, 'a'),
        ),
      ),
    ),
    /^no_kind variables$/,
  ],
  [
    'a value without a kind, after an entry that is well',
    withKey(structBytes(structEntry('a', trueValue), lengthDelimited(1, lengthDelimited(2)))),
    /^no_kind variables$/,
  ],
  ['a variable as a number', withKey(structBytes(Buffer.from([0x08, 0x00]))), BROKEN],
  ['a text as a number, in a variable', withKey(variableBytes('a', Buffer.from([0x18, 0x00]))), BROKEN],
  ['a number as a text, in a variable', withKey(variableBytes('a', Buffer.from([0x12, 0x00]))), BROKEN],
  ['variables that go beyond the end', withKey(Buffer.from([0x22, 0x09])), BROKEN],
  [
    'a value that goes beyond its entry',
    withKey(structBytes(Buffer.from([0x0a, 0x02, 0x12, 0x02])), trueValue),
    BROKEN,
  ],
  [
    'a list that goes beyond its value',
    withKey(variableBytes('a', Buffer.from([0x32, 0x04])), lengthDelimited(1, trueValue)),
    BROKEN,
  ],
  [
    'a group in a variable that does not end',
    withKey(variableBytes('a', Buffer.from([0x7b, 0x7c, 0x7b]))),
    BROKEN,
  ],
  ['groups nested 300 deep', withKey(Buffer.alloc(300, 0x7b), Buffer.alloc(300, 0x7c)), BROKEN],
];
for (const [name, bytes, expected] of BAD_BYTES) {
  test(`protobuf refuses ${name}`, () => {
    const { fault, message } = refused(() => readBytes(bytes)) ?? {};
    assert.match(fault ?? message ?? 'was accepted', expected);
  });
}
