import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { parseStrictJson } from '../../src/rpc/decode/strict-json.js';

const test = suite('strict JSON');

const MAX_DEPTH = 99;

/** What is wrong with a text; undefined when it can be read. */
function refusal(text: string): string | undefined {
  try {
    const { json } = parseStrictJson(text, MAX_DEPTH);
    assert.equal(json, JSON.parse(text));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

const TWICE = 'a member is given twice';
const TOO_DEEP = 'nested too deep';

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
  test(`finds the member that is given twice: ${text}`, () => assert.is(refusal(text), TWICE));
}

/** JSON text, with spaces or without. */
const document = fc
  .tuple(fc.jsonValue(), fc.constantFrom('', ' ', '\n\t'))
  .map(([value, space]) => JSON.stringify(value, null, space));

test('finds none where every member is given once, whatever stands in texts and names', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', 'a', ',', '\u00e9', '\ud83d\ude00') });
  const value = fc.dictionary(text, fc.oneof(text, fc.array(text), fc.dictionary(text, text)));
  fc.assert(fc.property(value, (sent) => assert.is(refusal(JSON.stringify(sent)), undefined)));
  fc.assert(fc.property(document, (sent) => assert.is(refusal(sent), undefined)));
});

test('finds a member that is put in a second time, wherever', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (sent, which) => {
      const names = Object.keys(sent);
      const again = JSON.stringify(names[which % names.length]);
      const text = `{${JSON.stringify(sent).slice(1, -1)},${again}:0}`;
      assert.is(refusal(text), TWICE);
      assert.is(refusal(`[1,{"x":${text}}]`), TWICE);
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
  test(`is not interoperable: ${text}`, () => assert.not(parseStrictJson(text, MAX_DEPTH).isInteroperable));
}
for (const text of ['"\\ud83d\\ude00"', '{"a":[1e308,-0,null,true,"é"]}', '[]', 'null']) {
  test(`is interoperable: ${text}`, () => assert.ok(parseStrictJson(text, MAX_DEPTH).isInteroperable));
}

const DEEP: readonly (readonly [name: string, open: string, close: string, levels: number])[] = [
  ['lists', '[', ']', 1],
  ['objects', '{"a":', '}', 1],
  ['lists in objects', '{"a":[', ']}', 2],
  ['objects in lists, with texts that look like JSON', '["[{\\"]\\\\",{"{":', '}]', 2],
];
for (const [name, open, close, levels] of DEEP) {
  const nested = (times: number) => `${open.repeat(times)}1${close.repeat(times)}`;
  const most = Math.floor(MAX_DEPTH / levels);

  test(`reads ${name} nested as deep as may be, side by side`, () =>
    assert.is(refusal(`${nested(most)}`), undefined));

  test(`refuses ${name} nested deeper, before they are parsed`, () => {
    assert.is(refusal(nested(most + 1)), TOO_DEEP);
    assert.is(refusal(nested(10_000)), TOO_DEEP);
    // No JSON at all: the parser would have said so.
    assert.is(refusal(open.repeat(10_000)), TOO_DEEP);
    assert.is(refusal(`${open.repeat(most + 1)}!`), TOO_DEEP);
  });
}

test('counts levels that are closed no more', () => {
  assert.is(refusal(`[${'[[]],{"a":[]},'.repeat(1_000)}1]`), undefined);
});

for (const text of ['', '"', '"\\', '{"a', '{"a":"\\"', ']'.repeat(200), '\\"', '[}', '"a":1', '{"a" 1}']) {
  test(`is no JSON: ${text.slice(0, 10)}`, () => {
    const said = refusal(text) ?? '';
    assert.ok(said !== '' && said !== TWICE && said !== TOO_DEEP, said);
  });
}
