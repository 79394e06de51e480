import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { numberViolations } from '../../../src/rpc/decode/number-violations.js';
import { KEY, readText, refusal, refused, withVariables } from './open-session.js';

const test = suite('decode JSON');

const nestedJson = (levels: number) =>
  `{"publicKey":"${KEY}","variables":{"a":${'['.repeat(levels)}true${']'.repeat(levels)}}}`;

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
  test(`JSON accepts ${name}`, () => {
    const message = readText(text);
    assert.is(message.publicKey, KEY);
    assert.equal(message.variables, variables);
  });
}

const MALFORMED = /^The body is not a well-formed JSON object/;
/** The fault and its field, or else the sentence. */
const BAD_JSON: readonly (readonly [name: string, body: string | Uint8Array, refused: RegExp])[] = [
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
  ['no key', '{}', /^required publicKey$/],
  ['an empty key', '{"publicKey":""}', /^required publicKey$/],
  ['a null key', '{"publicKey":null}', /^required publicKey$/],
  ['a number as key', '{"publicKey":1}', /^type publicKey$/],
  ['an object as key', '{"publicKey":{}}', /^type publicKey$/],
  ['both spellings', `{"publicKey":"${KEY}","public_key":"${KEY}"}`, /^duplicate publicKey$/],
  ['a number as customer', `{"publicKey":"${KEY}","customerId":42}`, /^type customerId$/],
  ['an array as locale', `{"publicKey":"${KEY}","locale":["en"]}`, /^type locale$/],
  ['an array as variables', withVariables('[]'), /^type variables$/],
  ['a text as variables', withVariables('"{}"'), /^type variables$/],
  ['a lone surrogate', withVariables('{"a":"\\ud800"}'), /^lone_surrogate variables\.a$/],
  ['a lone surrogate in a list', withVariables('{"a":[["\\udc00"]]}'), /^lone_surrogate variables\.a$/],
  ['a lone surrogate in an object', withVariables('{"a":{"b":"\\udc00"}}'), /^lone_surrogate variables\.a$/],
  ['a lone surrogate as key', withVariables('{"\\ud800":1}'), /^lone_surrogate variables$/],
  ['a number that is not finite', withVariables('{"a":1e999}'), /^not_finite variables\.a$/],
  ['a number that is not finite, in a list', withVariables('{"a":[-1e999]}'), /^not_finite variables\.a$/],
  ['NaN', withVariables('{"a":NaN}'), MALFORMED],
  [
    'a lone surrogate as customer',
    `{"publicKey":"${KEY}","customerId":"\\ud800"}`,
    /^lone_surrogate customerId$/,
  ],
  ['too deep', nestedJson(5_000), /./],
  [
    'too deep, in an unknown member',
    `{"publicKey":"${KEY}","x":${'['.repeat(99)}${']'.repeat(99)}}`,
    MALFORMED,
  ],
  ['too deep, and no JSON', '['.repeat(60_000), MALFORMED],
  ['variables twice', `{"publicKey":"${KEY}","variables":{},"variables":{}}`, /^duplicate variables$/],
  [
    'variables that hold a lone surrogate, beside a bad member',
    `{"publicKey":"${KEY}","variables":{"a":"\\ud800"},"locale":1}`,
    /^lone_surrogate variables\.a$/,
  ],
];
for (const [name, body, expected] of BAD_JSON) {
  test(`JSON refuses ${name}`, () => {
    const { fault, message } = refused(() => readText(body)) ?? {};
    assert.match(fault ?? message ?? 'was accepted', expected);
  });
}

const TWICE: readonly (readonly [text: string, field: string])[] = [
  [`{"publicKey":"${KEY}","publicKey":"${KEY}"}`, 'publicKey'],
  [`{"publicKey":"${KEY}","public\\u004bey":"${KEY}"}`, 'publicKey'],
  [`{"public_key":"${KEY}","public_key":"${KEY}"}`, 'publicKey'],
  [withVariables('{"a":1,"a":2}'), 'variables.a'],
  [withVariables('{"a":1,"\\u0061":2}'), 'variables.a'],
  [withVariables('{"__proto__":1,"__proto__":2}'), 'variables.__proto__'],
  [withVariables('{"a":{"b":1,"b":2}}'), 'variables.a'],
  [withVariables('{"a":{},"b":[{"c":1},{"c":1,"d":[],"c":2}]}'), 'variables.b'],
  [withVariables('{"a b":1,"a b":2}'), 'variables["a b"]'],
  [`{"other":[{"a":1,"a":2}],"publicKey":"${KEY}"}`, 'other'],
  [`{"other":{"a":1},"o:}":{"a":{"a":1},"a":2}}`, '["o:}"].a'],
  [`{"a":1,"b":{"a":1},"c":{"a":1},"a":2}`, 'a'],
];
for (const [text, field] of TWICE) {
  test(`JSON refuses a member given twice, and says which: ${text}`, () => {
    assert.is(refused(() => readText(text))?.fault, `duplicate ${field}`);
  });
}

const NUMBERS: readonly (readonly [text: string, fields: readonly string[]])[] = [
  ['{"a":9007199254740993}', ['variables.a']],
  ['{"a":1,"b":[[1,2,[1e-400]],1e-401],"c":{"d":9007199254740993}}', ['variables.b', 'variables.c']],
  ['{"2":9007199254740993,"1":9007199254740993}', ['variables["2"]', 'variables["1"]']],
  ['{"a":"9007199254740993","b\\"":9007199254740993}', ['variables["b\\""]']],
  ['{"a":9007199254740992,"b":1e2}', []],
];
for (const [text, fields] of NUMBERS) {
  test(`JSON finds the numbers that a double does not hold: ${text}`, () => {
    const violations = numberViolations(readText(withVariables(text)));
    assert.equal(
      violations.map(({ field }) => field),
      fields,
    );
    for (const { rule } of violations) assert.is(rule, 'variables.number_precision');
  });
}

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
