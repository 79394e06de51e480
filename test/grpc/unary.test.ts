import { suite } from '@chatsessions/test-harness';
import { credentials, type ServiceError as GrpcError, type Metadata } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  ChatSessionsClient,
  type EndCustomerSessionsResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { REQUEST, startRig } from './rig.js';

const test = suite('gRPC unary calls');

/** Calls an RPC that answers `response`, by a client of grpc-js. */
async function call(response: EndCustomerSessionsResponse) {
  const rig = await startRig({}, { handle: async () => response });
  const client = new ChatSessionsClient(`127.0.0.1:${rig.port}`, credentials.createInsecure());
  let requestId: unknown;
  try {
    const error = await new Promise<GrpcError | null>((resolve) => {
      client.endCustomerSessions(REQUEST, resolve).on('metadata', (answered: Metadata) => {
        [requestId] = answered.get('x-request-id');
      });
    });
    return { error, requestId, failures: rig.failures };
  } finally {
    client.close();
    await rig.close();
  }
}

test('an answer has its request id', async () => {
  const { error, requestId, failures } = await call({ endedCount: 2, complete: true });
  assert.is(error, null);
  assert.is(requestId, 'request-of-ours');
  assert.equal(failures, []);
});

test("an answer that cannot be encoded is the error table's internal error, and is logged", async () => {
  const { error, requestId, failures } = await call({ endedCount: Number.NaN, complete: true });
  assert.is(error?.code, 13);
  assert.is(error?.details, 'Something went wrong on our side.');
  assert.is(error?.metadata.get('grpc-status-details-bin').length, 1);
  assert.is(requestId, 'request-of-ours');
  assert.is(failures.length, 1);
});
