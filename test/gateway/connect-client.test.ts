import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { suite } from '@chatsessions/test-harness';
import { type CallOptions, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ErrorInfoSchema } from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { startTestApp, type TestApp } from '../harness/app.js';

const test = suite("clients of Connect's library");
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

const publicKey = 'pk_live_00000000000000000000000000000001';
const origin = 'https://acme.com';

/** Runs `work`. @returns the method of each HTTP request that it sent, and the names in its query */
async function sentBy(work: () => Promise<void>): Promise<string[]> {
  // A set, since Node tells of some requests twice.
  const requests = new Set<ClientRequest>();
  const onRequest = (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('request' in message)) return;
    if (message.request instanceof ClientRequest) requests.add(message.request);
  };
  subscribe('http.client.request.start', onRequest);
  try {
    await work();
  } finally {
    unsubscribe('http.client.request.start', onRequest);
  }
  return [...requests].map(({ method, path }) =>
    [method, ...new URL(path, service.httpUrl).searchParams.keys()].join(' '),
  );
}

/** The error that a call is refused with. @throws Error when it is answered */
function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('it is answered');
    },
    (thrown: unknown) => ConnectError.from(thrown),
  );
}

for (const useBinaryFormat of [true, false]) {
  for (const useHttpGet of [true, false]) {
    const how = `${useBinaryFormat ? 'binary' : 'JSON'}, reads by ${useHttpGet ? 'GET' : 'POST'}`;

    test(`the life of a session: ${how}`, async () => {
      const transport = createConnectTransport({
        baseUrl: service.httpUrl,
        ...{ httpVersion: '1.1', useBinaryFormat, useHttpGet },
      });
      const client = createClient(ChatSessions, transport);
      const withToken = (token: string): CallOptions => ({
        headers: { origin, authorization: `Bearer ${token}` },
        timeoutMs: 5_000,
      });

      const sent = await sentBy(async () => {
        const opened = await client.openSession({ publicKey }, { headers: { origin } });
        const session = withToken(opened.sessionToken);
        const got = await client.getSession({}, session);
        assert.is(got.conversationId, opened.conversationId);
        assert.equal(got.intents, opened.intents);
        const refreshed = await client.refreshSession({ variables: { page: '/' } }, session);
        assert.is(refreshed.conversationId, opened.conversationId);
        await client.endSession({}, session);

        const error = await refusal(client.getSession({}, session));
        assert.is(error.code, Code.Unauthenticated);
        assert.equal(
          error.findDetails(ErrorInfoSchema).map(({ reason }) => reason),
          ['INVALID_SESSION_TOKEN'],
        );
        assert.is(error.metadata.get('www-authenticate'), 'Bearer error="invalid_token"');
      });

      const base64 = useBinaryFormat ? ' base64' : '';
      const read = useHttpGet ? `GET connect${base64} encoding message` : 'POST';
      assert.equal(sent, ['POST', read, 'POST', 'POST', read]);
    });
  }
}

test('an RPC of the engine surface is not implemented here', async () => {
  const transport = createConnectTransport({ baseUrl: service.httpUrl, httpVersion: '1.1' });
  const client = createClient(ChatSessions, transport);
  const error = await refusal(client.getConversation({ tenant: 'acme', conversationId: 'c' }));
  assert.is(error.code, Code.Unimplemented);
});
