import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
  OpenSessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { answerEncoder } from '../../src/rpc/answer-encoder.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { anyOpenSessionResponse } from '../harness/any-open-session-response.js';

const test = suite('answer bytes');

const encode = answerEncoder(
  defineRpc({
    method: ChatSessions.method.openSession,
    codec: ChatSessionsService.openSession,
    scope: 'open',
    rules: () => [],
    handle: async (_request: OpenSessionRequest): Promise<OpenSessionResponse> => {
      throw new Error('not for this');
    },
  }),
);
const generic = (answer: OpenSessionResponse) => Buffer.from(OpenSessionResponse.encode(answer).finish());

test('are what the generic encoder makes', () => {
  fc.assert(fc.property(anyOpenSessionResponse, (answer) => assert.equal(encode(answer), generic(answer))));
});

test('are the same for what is frozen and kept, and others for another list', () => {
  fc.assert(
    fc.property(anyOpenSessionResponse, anyOpenSessionResponse, (answer, other) => {
      const kept = {
        ...answer,
        widget: Object.freeze(answer.widget ?? { label: '' }),
        intents: [...answer.intents],
        quickQuestions: [...answer.quickQuestions],
      };
      Object.freeze(kept.intents);
      Object.freeze(kept.quickQuestions);
      assert.equal(encode(kept), generic(kept));
      const next = { ...kept, sessionToken: other.sessionToken, expiresAt: other.expiresAt };
      assert.equal(encode(next), generic(next));
      const changed = {
        ...kept,
        quickQuestions: Object.freeze([...other.quickQuestions]) as typeof other.quickQuestions,
      };
      assert.equal(encode(changed), generic(changed));
    }),
  );
});
