import { suite } from '@chatsessions/test-harness';
import { credentials, type ServiceError as GrpcError, Metadata, ServerCredentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsClient,
  ChatSessionsService,
  type UpdateVariablesRequest,
  type UpdateVariablesResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { createGrpcServer } from '../../src/grpc/server.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';

const test = suite('gRPC unary calls');

/** Calls an RPC that answers this. */
async function call(response: UpdateVariablesResponse) {
  const told: unknown[] = [];
  const server = createGrpcServer({
    rpcs: [
      defineRpc({
        method: ChatSessions.method.updateVariables,
        codec: ChatSessionsService.updateVariables,
        scope: 'write',
        rules: () => [],
        handle: async (_request: UpdateVariablesRequest) => response,
      }),
    ],
    streamRpcs: [],
    pipeline: createPipeline({
      authenticate: () => undefined,
      maxCallMs: 5_000,
      callLog: createCallLog(createLog('silent'), () => performance.now()),
    }),
    newRequestId: () => 'request-of-ours',
    callLog: { refusedEarly: () => {}, failed: (error) => told.push(error) },
    credentials: ServerCredentials.createInsecure(),
  });
  const port = await server.listen('127.0.0.1', 0);
  const client = new ChatSessionsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  try {
    return await new Promise<{ error: GrpcError | null; requestId: unknown; told: readonly unknown[] }>(
      (resolve) => {
        const request = { tenant: 'acme', conversationId: 'c', variables: undefined, removeVariables: [] };
        let requestId: unknown;
        client
          .updateVariables(request, metadata, (error) => resolve({ error, requestId, told }))
          .on('metadata', (answered: Metadata) => {
            [requestId] = answered.get('x-request-id');
          });
      },
    );
  } finally {
    client.close();
    await server.close(5_000);
  }
}

test('an answer has its request id', async () => {
  const { error, requestId, told } = await call({ revision: 2 });
  assert.is(error, null);
  assert.is(requestId, 'request-of-ours');
  assert.equal(told, []);
});

test("an answer that cannot be encoded is internal, in the table's words, and somebody is told", async () => {
  const { error, requestId, told } = await call({ revision: Number.NaN });
  assert.is(error?.code, 13);
  assert.is(error?.details, 'Something went wrong on our side.');
  assert.is(error?.metadata.get('grpc-status-details-bin').length, 1);
  assert.is(requestId, 'request-of-ours');
  assert.is(told.length, 1);
});
