import type { IncomingHttpHeaders } from 'node:http';
import { suite } from '@chatsessions/test-harness';
import { credentials, Metadata, ServerCredentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { connectEndpoints } from '../../src/gateway/connect.js';
import { createGateway } from '../../src/gateway/gateway.js';
import { restEndpoints } from '../../src/gateway/rest.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsClient,
  ChatSessionsService,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { createGrpcServer } from '../../src/grpc/grpc-server.js';
import type { Call } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';
import { elapsed } from '../../src/time/elapsed.js';
import { sendHttp } from '../parity/transports.js';

const test = suite('headers that a handler adds');

const RPC = ChatSessionsService.getSession;
const REFUSED = 'refused';

/** An RPC whose answer, or refusal, has a header with two values and a trailer. */
const rpc = defineRpc({
  method: ChatSessions.method.getSession,
  codec: RPC,
  scope: 'open',
  rules: () => [],
  handle: async (_request, call: Call) => {
    call.addHeader?.('RateLimit', 'a');
    call.addHeader?.('RateLimit', 'b');
    call.addTrailer?.('Cost', '7');
    if (call.requestId === REFUSED) throw new ServiceError('rate_limited', 'Too often.');
    return RPC.responseDeserialize(Buffer.alloc(0));
  },
});

const callLog = createCallLog(createLog('silent'), elapsed);
const shared = {
  pipeline: createPipeline({ authenticate: () => undefined, maxCallMs: 5_000, callLog }),
  newRequestId: () => 'answered',
  ...{ callLog, elapsed },
};
const gateway = createGateway({
  ...shared,
  endpoints: [...restEndpoints([rpc]), ...connectEndpoints([rpc])],
});
const grpc = createGrpcServer({
  ...{ ...shared, rpcs: [rpc], streamRpcs: [] },
  credentials: ServerCredentials.createInsecure(),
});
let httpPort = 0;
let grpcPort = 0;
test.before(async () => {
  httpPort = await gateway.listen('127.0.0.1', 0);
  grpcPort = await grpc.listen('127.0.0.1', 0);
});
test.after(() => Promise.all([gateway.close(1_000), grpc.close(1_000)]));

async function overHttp(method: string, path: string, requestId: string): Promise<IncomingHttpHeaders> {
  const { headers } = await sendHttp(`http://127.0.0.1:${httpPort}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-request-id': requestId },
    body: Buffer.from(method === 'POST' ? '{}' : ''),
  });
  return headers;
}

for (const [what, requestId] of [
  ['an answer', 'answered'],
  ['a refusal', REFUSED],
] as const) {
  test(`${what} on a public path`, async () => {
    const headers = await overHttp('GET', '/api/public/v1/chat/sessions/current', requestId);
    assert.equal([headers['ratelimit'], headers['cost']], ['a, b', '7']);
  });

  for (const [method, query] of [
    ['POST', ''],
    ['GET', '?encoding=json&message=%7B%7D'],
  ] as const) {
    test(`${what} of Connect by ${method}`, async () => {
      const headers = await overHttp(method, `${RPC.path}${query}`, requestId);
      assert.equal(
        [headers['ratelimit'], headers['cost'], headers['trailer-cost']],
        ['a, b', undefined, '7'],
      );
    });
  }

  test(`${what} of gRPC`, async () => {
    const client = new ChatSessionsClient(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('x-request-id', requestId);
    let headers = new Metadata();
    const trailers = await new Promise<Metadata>((resolve) => {
      client
        .getSession({}, metadata, () => {})
        .on('metadata', (first: Metadata) => {
          headers = first;
        })
        .on('status', (status) => resolve(status.metadata));
    });
    client.close();
    assert.equal([headers.get('ratelimit'), headers.get('cost')], [['a, b'], []]);
    assert.equal(trailers.get('cost'), ['7']);
    // What the refusal says beside it is still there.
    assert.is(trailers.get('grpc-status-details-bin').length, requestId === REFUSED ? 1 : 0);
  });
}
