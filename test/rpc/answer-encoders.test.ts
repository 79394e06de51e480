import { fromBinary, toJson } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { openSession } from '../../src/api/open-session.js';
import { OpenSessionResponseSchema } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { OpenSessionResponse } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { binaryEncoder, type EncodeAnswer, jsonEncoder } from '../../src/rpc/answer-encoders.js';
import { anyOpenSessionResponse } from '../harness/any-open-session-response.js';

/** OpenSession without anything that its handler needs: it is not called here. */
const rpc = openSession(Object.create(null));

const generic = (answer: OpenSessionResponse) => Buffer.from(OpenSessionResponse.encode(answer).finish());
const genericJson = (answer: OpenSessionResponse) =>
  toJson(OpenSessionResponseSchema, fromBinary(OpenSessionResponseSchema, generic(answer)));

const ENCODERS: readonly (readonly [
  name: string,
  encode: EncodeAnswer,
  read: (bytes: Buffer) => unknown,
  expected: (answer: OpenSessionResponse) => unknown,
])[] = [
  ['binary', binaryEncoder(rpc), (bytes) => bytes, generic],
  ['JSON', jsonEncoder(rpc), (bytes) => JSON.parse(String(bytes)), genericJson],
];

for (const [name, encode, read, expected] of ENCODERS) {
  const test = suite(`answer encoders: ${name}`);
  const same = (answer: OpenSessionResponse) => assert.equal(read(encode(answer)), expected(answer));

  test('makes what the generic encoder makes', () => {
    fc.assert(fc.property(anyOpenSessionResponse, same));
  });

  test('makes the same for a frozen tail that is cached, and another for another list', () => {
    fc.assert(
      fc.property(anyOpenSessionResponse, anyOpenSessionResponse, (answer, other) => {
        const cached = {
          ...answer,
          widget: Object.freeze(answer.widget ?? { label: '' }),
          intents: [...answer.intents],
          quickQuestions: [...answer.quickQuestions],
        };
        Object.freeze(cached.intents);
        Object.freeze(cached.quickQuestions);
        same(cached);
        same({ ...cached, sessionToken: other.sessionToken, expiresAt: other.expiresAt });
        const quickQuestions = [...other.quickQuestions];
        Object.freeze(quickQuestions);
        same({ ...cached, quickQuestions });
      }),
    );
  });

  test('makes what the generic encoder makes of an answer without anything in it', () => {
    same(OpenSessionResponse.decode(Buffer.alloc(0)));
  });
}
