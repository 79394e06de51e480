import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { callOver, textOf } from '../parity/call.js';
import { memberAt } from '../parity/values.js';

const test = suite('conversation ids in requests');
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

/** Calls an RPC of services, which have gRPC alone. */
const call = (rpc: string, request: Readonly<Record<string, unknown>>) =>
  callOver('gRPC', service, rpc, { request: { tenant: 'acme', ...request } });

test('a conversation is found by its id in capitals, and answered with it in lower case', async () => {
  const request = { publicKey: 'pk_live_00000000000000000000000000000001' };
  const conversationId = textOf(
    await callOver('gRPC', service, 'OpenSession', { request }),
    'conversationId',
  );
  const capitals = { conversationId: conversationId.toUpperCase() };

  const found = await call('GetConversation', capitals);
  assert.is(memberAt(found.body, 'conversation.conversationId'), conversationId);
  const updated = await call('UpdateConversation', { ...capitals, variables: { a: 1 } });
  assert.is(updated.code, 'OK', updated.raw);
  assert.is((await call('EndConversation', capitals)).code, 'OK');

  const ended = await call('GetConversation', { conversationId });
  assert.equal(memberAt(ended.body, 'conversation.untrusted.variables'), { a: 1 });
  assert.type(memberAt(ended.body, 'conversation.endedAt'), 'string');
});
