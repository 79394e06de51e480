import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { inspectJson } from '../../src/rpc/inspect-json.js';
import { suite } from '../harness/suite.js';

const test = suite('inspect JSON');

const inspect = (text: string) => inspectJson(text, JSON.parse(text));

const DUPLICATES = [
  '{"a":1,"a":2}',
  '{"a":1,"\\u0061":2}',
  '[{"b":{"a":1,"c":[],"a":1}}]',
  '{"\\\\":1,"\\\\":2}',
  '{"__proto__":1,"__proto__":1}',
  '{"":1,"":1}',
  '{"a":":","a":":"}',
];
for (const text of DUPLICATES) {
  test(`finds the member that is given twice: ${text}`, () => assert.ok(inspect(text).hasDuplicates));
}

/** JSON text, with spaces or without. */
const document = fc
  .tuple(fc.jsonValue(), fc.constantFrom('', ' ', '\n\t'))
  .map(([value, space]) => JSON.stringify(value, null, space));

test('finds none where every member is given once, whatever stands in texts and names', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', 'a', ',', '\u00e9', '\ud83d\ude00') });
  const value = fc.dictionary(text, fc.oneof(text, fc.array(text), fc.dictionary(text, text)));
  fc.assert(fc.property(value, (sent) => assert.not(inspect(JSON.stringify(sent)).hasDuplicates)));
  fc.assert(fc.property(document, (sent) => assert.not(inspect(sent).hasDuplicates)));
});

test('finds a member that is put in a second time, wherever', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (sent, which) => {
      const names = Object.keys(sent);
      const again = JSON.stringify(names[which % names.length]);
      const text = `{${JSON.stringify(sent).slice(1, -1)},${again}:0}`;
      assert.ok(inspect(text).hasDuplicates);
      assert.ok(inspect(`[1,{"x":${text}}]`).hasDuplicates);
    }),
  );
});

const REFUSED = [
  '"\\ud800"',
  '["a\\udfff"]',
  '{"\\ud800":1}',
  '{"a":[{"b":"\\udc00x"}]}',
  '1e400',
  '[-1e999]',
  '{"a":1e400}',
];
for (const text of REFUSED) {
  test(`is not interoperable: ${text}`, () => assert.not(inspect(text).isInteroperable));
}
for (const text of ['"\\ud83d\\ude00"', '{"a":[1e308,-0,null,true,"é"]}', '[]', 'null']) {
  test(`is interoperable: ${text}`, () => assert.ok(inspect(text).isInteroperable));
}

test('counts how deep it is nested, deeper than any stack', () => {
  assert.is(inspect('1').depth, 0);
  assert.is(inspect('{}').depth, 1);
  assert.is(inspect('{"a":[1,{"b":2}],"c":{}}').depth, 3);
  assert.is(inspect('['.repeat(30_000) + ']'.repeat(30_000)).depth, 30_000);
});
