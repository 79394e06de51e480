import { type JsonObject, toBinary } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { OpenSessionRequestSchema } from '../../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { valueBytes } from '../../harness/protobuf-wire.js';
import {
  anyText,
  assertSame,
  KEY,
  readBytes,
  readText,
  refusal,
  rpc,
  variableBytes,
  withKey,
  withVariables,
} from './open-session.js';

const test = suite('decode JSON and protobuf alike');

const { true: trueValue } = valueBytes;

/** `[[…[true]…]]`, that many lists. */
function nested(levels: number): Buffer {
  let value: Buffer = trueValue;
  for (let i = 0; i < levels; i++) value = valueBytes.list(value);
  return value;
}

const nestedJson = (levels: number) =>
  `{"publicKey":"${KEY}","variables":{"a":${'['.repeat(levels)}true${']'.repeat(levels)}}}`;

for (const [levels, accepted] of [
  [4, true],
  [97, true],
  [98, false],
  [1_000, false],
] as const) {
  test(`${levels} nested lists are ${accepted ? 'accepted' : 'refused'}, by JSON and protobuf alike`, () => {
    assert.is(refusal(() => readText(nestedJson(levels))) === undefined, accepted, 'JSON');
    assert.is(
      refusal(() => readBytes(withKey(variableBytes('a', nested(levels))))) === undefined,
      accepted,
      'protobuf',
    );
  });
}

test('__proto__ is a key like any other, for the rules to refuse', () => {
  for (const message of [
    readText(withVariables('{"__proto__":1}')),
    readBytes(withKey(variableBytes('__proto__', trueValue))),
  ]) {
    assert.equal(Object.keys(message.variables ?? {}), ['__proto__']);
    assert.equal(
      rpc.rules(message, 'chat').map(({ field, rule }) => [field, rule]),
      [['variables.__proto__', 'variables.key']],
    );
  }
});

test('JSON and protobuf read the same variables from the same Struct', () => {
  fc.assert(
    fc.property(fc.dictionary(anyText, fc.jsonValue(), { maxKeys: 5 }), (sent) => {
      const json = JSON.stringify(sent);
      fc.pre(json.isWellFormed());
      const plain: JsonObject = JSON.parse(json);
      const message = readText(withVariables(json));
      const again = readBytes(toBinary(OpenSessionRequestSchema, message));
      assertSame(again.variables, plain, 'variables');
    }),
  );
});
