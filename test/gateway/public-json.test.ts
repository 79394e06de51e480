import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { publicJson } from '../../src/gateway/public-json.js';
import { OpenSessionResponseSchema } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { OpenSessionResponse } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { anyOpenSessionResponse as response } from '../harness/any-open-session-response.js';

const test = suite('public JSON');
/** The slow way: protobuf-es's JSON of the same bytes, with what it leaves out put in. */
function reference(desc: DescMessage, json: JsonValue): JsonValue {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || desc.typeName.startsWith('google.'))
    return json;
  return Object.fromEntries(
    desc.fields.map(({ jsonName, message }): [string, JsonValue] => {
      const value = json[jsonName];
      if (value === undefined) return [jsonName, null];
      if (!message) return [jsonName, value];
      return [
        jsonName,
        Array.isArray(value) ? value.map((one) => reference(message, one)) : reference(message, value),
      ];
    }),
  );
}

test('is what the generic encoders make of the same bytes, so that the generators agree on every name', () => {
  const write = publicJson(OpenSessionResponseSchema);
  fc.assert(
    fc.property(response, (message) => {
      const es = fromBinary(OpenSessionResponseSchema, OpenSessionResponse.encode(message).finish());
      const expected = reference(
        OpenSessionResponseSchema,
        toJson(OpenSessionResponseSchema, es, { alwaysEmitImplicit: true }),
      );
      assert.is(String(write(message)), JSON.stringify(expected));
    }),
    { numRuns: 500 },
  );
});

test('what is frozen is written the same, again and again', () => {
  const write = publicJson(OpenSessionResponseSchema);
  fc.assert(
    fc.property(response, (message) => {
      const plain = String(write(message));
      const frozen = { ...message, widget: Object.freeze(message.widget), intents: [...message.intents] };
      Object.freeze(frozen.intents);
      const quickQuestions = Object.freeze([...message.quickQuestions]);
      assert.is(String(write(frozen)), plain);
      const allFrozen = { ...frozen, quickQuestions };
      assert.is(String(write(allFrozen)), plain);
      assert.is(String(write({ ...allFrozen, sessionToken: message.sessionToken })), plain);
      // The same widget with another list is not what was kept for it.
      const other = { ...allFrozen, quickQuestions: Object.freeze([]) };
      assert.is(String(write(other)), String(write(structuredClone({ ...message, quickQuestions: [] }))));
    }),
  );
});

test('a type with members that it cannot write is refused when it is compiled', () => {
  assert.throws(() => publicJson(StructSchema), /cannot be answered on a public path/);
});
