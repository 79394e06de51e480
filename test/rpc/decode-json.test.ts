import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { KEY, readText, refusal, withVariables } from './decode-open-session.js';

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
    assert.ok(said !== undefined, 'was accepted');
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
