import type { JsonObject } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { keyPath, mapViolations, mergeMaps } from '../../src/conversations/variables.js';

import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('variables and attributes');

const violationsOf = (variables: JsonObject) => mapViolations('variables', variables);

/** `{k0: 0, k1: 1, …}` */
const keys = (count: number): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));

/** Variables that take that many bytes as compact JSON, padded with `unit`. */
function ofBytes(bytes: number, unit: string): JsonObject {
  const empty = Buffer.byteLength('{"k":""}');
  const size = Buffer.byteLength(JSON.stringify(unit)) - 2;
  const units = Math.floor((bytes - empty) / size);
  const variables = { k: unit.repeat(units) + 'x'.repeat((bytes - empty) % size) };
  assert.is(Buffer.byteLength(JSON.stringify(variables)), bytes);
  return variables;
}

/** An own member of that name, which an object literal cannot make. */
const protoKey: JsonObject = JSON.parse('{"__proto__":1}');

const GOOD: readonly (readonly [name: string, variables: JsonObject])[] = [
  ['none', {}],
  ['every kind of value', { a: 1, b: -0.5, c: '', d: 'x', e: true, f: false, g: null, h: [] }],
  ['arrays of every kind of value', { a: [1, 'x', true, null, [2, ['y']]] }],
  ['50 keys', keys(50)],
  ['a key of 1 character', { a: 1 }],
  ['a key of 64 characters', { [`a${'_'.repeat(63)}`]: 1 }],
  ['a key of letters, digits and _', { a_1_z9: 1 }],
  ['the name constructor', { constructor: 1 }],
  ['4 levels of arrays', { a: [[[[1]]]] }],
  ['4 levels of arrays, empty', { a: [[[[]]]] }],
  ['many arrays side by side', { a: [[[[1]]], [[[2]], [[3]]]], b: [[[[4]]]] }],
  ['4096 bytes', ofBytes(4096, 'x')],
  ['4096 bytes, three of them a character', ofBytes(4096, '語')],
  ['4096 bytes, four of them a character', ofBytes(4096, '😀')],
  ['4096 bytes, six of them an escaped character', ofBytes(4096, '\u0001')],
];
for (const [name, variables] of GOOD) {
  test(`accepts ${name}`, () => assert.equal(violationsOf(variables), []));
}

const BAD: readonly (readonly [
  name: string,
  variables: JsonObject,
  violations: readonly (readonly [field: string, rule: string])[],
])[] = [
  ['51 keys', keys(51), [['variables', 'variables.max_keys']]],
  ['4097 bytes', ofBytes(4097, 'x'), [['variables', 'variables.max_bytes']]],
  ['4097 bytes, three of them a character', ofBytes(4097, '語'), [['variables', 'variables.max_bytes']]],
  ['4097 bytes, four of them a character', ofBytes(4097, '😀'), [['variables', 'variables.max_bytes']]],
  ['4097 bytes, two of them an escaped quote', ofBytes(4097, '"'), [['variables', 'variables.max_bytes']]],
  ['an upper-case key', { Cart: 1 }, [['variables.Cart', 'variables.key']]],
  ['a key with a space', { 'Bad Key': 1 }, [['variables["Bad Key"]', 'variables.key']]],
  ['an empty key', { '': 1 }, [['variables[""]', 'variables.key']]],
  ['a key that starts with a digit', { '1a': 1 }, [['variables["1a"]', 'variables.key']]],
  ['a key that starts with _', { _a: 1 }, [['variables._a', 'variables.key']]],
  ['an operator', { $set: 1 }, [['variables["$set"]', 'variables.key']]],
  ['a path', { 'a.b': 1 }, [['variables["a.b"]', 'variables.key']]],
  ['a line break after the key', { 'a\n': 1 }, [['variables["a\\n"]', 'variables.key']]],
  ['a letter beyond ASCII', { é: 1 }, [['variables["é"]', 'variables.key']]],
  ['__proto__', protoKey, [['variables.__proto__', 'variables.key']]],
  ['a key of 65 characters', { ['a'.repeat(65)]: 1 }, [[`variables.${'a'.repeat(65)}`, 'variables.key']]],
  ['an object', { a: {} }, [['variables.a', 'variables.no_objects']]],
  ['an object in an array', { a: [1, [{ b: 1 }]] }, [['variables.a', 'variables.no_objects']]],
  ['5 levels of arrays', { a: [[[[[1]]]]] }, [['variables.a', 'variables.max_depth']]],
  ['5 levels of arrays, empty', { a: [[[[[]]]]] }, [['variables.a', 'variables.max_depth']]],
  ['5 levels beside 1', { a: [1, [[[[2]]]]] }, [['variables.a', 'variables.max_depth']]],
  [
    'two faults in one value',
    { a: [{}, [[[[1]]]], {}] },
    [
      ['variables.a', 'variables.no_objects'],
      ['variables.a', 'variables.max_depth'],
    ],
  ],
  [
    'a bad key with a bad value',
    { A: {} },
    [
      ['variables.A', 'variables.key'],
      ['variables.A', 'variables.no_objects'],
    ],
  ],
  [
    'everything: the whole first, then key by key',
    { ...keys(50), a: [[[[[1]]]]], B: 'x'.repeat(5_000), c: {} },
    [
      ['variables', 'variables.max_keys'],
      ['variables', 'variables.max_bytes'],
      ['variables.a', 'variables.max_depth'],
      ['variables.B', 'variables.key'],
      ['variables.c', 'variables.no_objects'],
    ],
  ],
];
for (const [name, variables, expected] of BAD) {
  test(`refuses ${name}`, () => {
    const violations = violationsOf(variables);
    assert.equal(
      violations.map(({ field, rule }) => [field, rule]),
      expected,
    );
    for (const { message } of violations) assert.match(message, /^[A-Zv][^\n]+\.$/);
  });
}

test('16,000 broken rules are all told', () => {
  const variables = Object.fromEntries(Array.from({ length: 8_000 }, (_, n) => [`K${n}`, {}]));
  const violations = violationsOf(variables);
  assert.is(violations.length, 16_002);
  assert.equal(
    violations.slice(0, 4).map(({ field, rule }) => [field, rule]),
    [
      ['variables', 'variables.max_keys'],
      ['variables', 'variables.max_bytes'],
      ['variables.K0', 'variables.key'],
      ['variables.K0', 'variables.no_objects'],
    ],
  );
});

test('a broken rule is found behind any number of good keys', () => {
  const last = violationsOf({ ...keys(8_000), Bad: 1 }).at(-1);
  assert.is(last?.field, 'variables.Bad');
});

test('a violation says how much there was, and how much may be', () => {
  assert.match(violationsOf(keys(51))[0]?.message ?? '', '51 keys; at most 50');
  assert.match(
    violationsOf(ofBytes(4097, '語'))[0]?.message ?? '',
    '4097 bytes as compact JSON; at most 4096',
  );
});

test('a violation never holds a value', () => {
  const violations = violationsOf({ A: 'secret', b: { secret: 1 }, c: [[[[['secret']]]]] });
  assert.is(violations.length, 3);
  assert.not.match(JSON.stringify(violations), 'secret');
});

const PATHS: readonly (readonly [name: string, key: string, path: string])[] = [
  ['a plain name', 'cart_total', 'variables.cart_total'],
  ['upper case', 'Cart', 'variables.Cart'],
  ['a leading _', '_x', 'variables._x'],
  ['__proto__', '__proto__', 'variables.__proto__'],
  ['a space', 'Bad Key', 'variables["Bad Key"]'],
  ['a quote', 'a"b', 'variables["a\\"b"]'],
  ['a control character', 'a\u0000', 'variables["a\\u0000"]'],
  ['a dot', 'a.b', 'variables["a.b"]'],
  ['128 characters', 'a'.repeat(128), `variables.${'a'.repeat(128)}`],
  ['129 characters', 'a'.repeat(129), `variables["${'a'.repeat(128)}…"]`],
  ['128 characters that end in a pair', `${'a'.repeat(126)}😀`, `variables["${'a'.repeat(126)}😀"]`],
  ['a pair that ends at the cut', `${'a'.repeat(126)}😀x`, `variables["${'a'.repeat(126)}😀…"]`],
  ['a pair across the cut', `${'a'.repeat(127)}😀x`, `variables["${'a'.repeat(127)}…"]`],
];
for (const [name, key, path] of PATHS) {
  test(`path of ${name}`, () => assert.is(keyPath('variables', key), path));
}

test('attributes obey the same rules, under their own name', () => {
  for (const [name, map, expected] of BAD) {
    const found = mapViolations('attributes', map).map(({ field, rule }) => [field, rule]);
    const renamed = expected.map((texts) => texts.map((text) => text.replace(/^variables/, 'attributes')));
    assert.equal(found, renamed, name);
  }
});

const STORED = { variables: { a: 1 }, attributes: { plan: 'pro' } };

test('a merge leaves a map that is not named as the same object', () => {
  const merged = mergeMaps(STORED, { attributes: { plan: 'free' } });
  assert.is(merged.variables, STORED.variables);
  assert.equal(merged.attributes, { plan: 'free' });
  const emptied = mergeMaps(STORED, { removeAttributes: ['plan', 'tier'], variables: {} });
  assert.is(emptied.variables, STORED.variables);
  assert.equal(emptied.attributes, {});
});

test('a merge tells what is broken in both maps at once', () => {
  const full = { variables: keys(50), attributes: keys(50) };
  try {
    mergeMaps(full, { variables: { x: 1 }, attributes: { x: 1 } });
  } catch (error) {
    assert.instance(error, ServiceError);
    const { violations = [] } = error instanceof ServiceError ? error.details : {};
    assert.equal(
      violations.map(({ rule }) => rule),
      ['variables.max_keys', 'attributes.max_keys'],
    );
    return;
  }
  assert.unreachable('was let in');
});
