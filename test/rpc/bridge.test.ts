import { type JsonObject, toBinary, toJsonString } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  OpenSessionRequestSchema,
  OpenSessionResponseSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ChatSessionsService } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { bridgeRequest, bridgeResponse } from '../../src/rpc/bridge.js';
import { anyOpenSessionResponse } from '../harness/any-open-session-response.js';
import { anyRequest, assertSame, messageOf, readBytes, readText, rpc } from './decode/open-session.js';

const test = suite('bridge');

test('the bridge keeps every field of any request, from either format', () => {
  fc.assert(
    fc.property(anyRequest, (sent) => {
      const message = messageOf(sent);
      const fromBytes = readBytes(toBinary(OpenSessionRequestSchema, message));
      assertSame(bridgeRequest(rpc, fromBytes), sent, 'protobuf');
      const fromJson = readText(toJsonString(OpenSessionRequestSchema, message));
      // JSON.stringify writes -0 as 0, as the encoder has done.
      const withoutMinus = (struct?: JsonObject) => struct && JSON.parse(JSON.stringify(struct));
      const { variables, attributes } = sent;
      const expected = {
        ...sent,
        variables: withoutMinus(variables),
        attributes: withoutMinus(attributes),
      };
      assertSame(bridgeRequest(rpc, fromJson), expected, 'JSON');
    }),
    { numRuns: 500 },
  );
});

test('the bridge keeps every field of any response, there and back', () => {
  fc.assert(
    fc.property(anyOpenSessionResponse, (answer) => {
      const message = bridgeResponse(rpc, answer);
      assert.is(message.$typeName, OpenSessionResponseSchema.typeName);
      const bytes = toBinary(rpc.method.output, message);
      assertSame(ChatSessionsService.openSession.responseDeserialize(Buffer.from(bytes)), answer, 'response');
    }),
    { numRuns: 200 },
  );
});
