import { create } from '@bufbuild/protobuf';
import type { Endpoint, Format } from '../../src/gateway/endpoint.js';
import { createGateway, type GatewayDeps } from '../../src/gateway/gateway.js';
import { refuseRest } from '../../src/gateway/rest.js';
import {
  ChatSessions,
  OpenSessionRequestSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { EarlyRefusal } from '../../src/rpc/call-log.js';
import { defineRpc } from '../../src/rpc/rpc.js';

const rpc = defineRpc({
  method: ChatSessions.method.openSession,
  codec: ChatSessionsService.openSession,
  scope: 'open',
  rules: () => [],
  handle: (_: OpenSessionRequest) =>
    Promise.reject(new Error('the pipeline of these tests calls no handler')),
});

/** An endpoint of `POST /` whose answer is `{}`. */
export function testEndpoint(format: Partial<Format> = {}): Endpoint {
  return {
    ...{ method: 'POST', path: '/', rpc, hasBody: true, refuse: refuseRest },
    accept: (_request, call) => ({
      call,
      format: {
        mediaType: 'application/json',
        read: () => create(OpenSessionRequestSchema),
        write: () => Buffer.from('{}'),
        ...format,
      },
    }),
  };
}

/** A gateway on a free port: its pipeline answers at once, unless `parts` has another. */
export async function listening(parts: Partial<GatewayDeps> = {}) {
  const refusals: EarlyRefusal[] = [];
  const gateway = createGateway({
    endpoints: [testEndpoint()],
    pipeline: { invoke: () => Promise.resolve(Object.create(null)) },
    callLog: { refusedEarly: (refusal) => refusals.push(refusal), failed: () => {} },
    newRequestId: () => 'id',
    elapsed: () => performance.now(),
    ...parts,
  });
  const port = await gateway.listen('127.0.0.1', 0);
  return { port, refusals, close: () => gateway.close(1_000) };
}
