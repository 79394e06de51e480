import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { engineOnlyPaths } from './rpcs.js';
import { sendHttp } from './transports.js';

const test = suite('RPCs of the engine surface alone');
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

test('they are all RPCs but these four: what is public is named here too', () => {
  const others = ChatSessions.methods.filter(
    ({ parent, name }) => !engineOnlyPaths.includes(`/${parent.typeName}/${name}`),
  );
  assert.equal(others.map(({ name }) => name).sort(), [
    'EndSession',
    'GetSession',
    'OpenSession',
    'RefreshSession',
  ]);
});

for (const path of engineOnlyPaths) {
  for (const [what, method, contentType] of [
    ['Connect JSON', 'POST', 'application/json'],
    ['Connect binary', 'POST', 'application/proto'],
    ['a Connect stream', 'POST', 'application/connect+json'],
    ['gRPC-Web', 'POST', 'application/grpc-web+proto'],
    ['gRPC', 'POST', 'application/grpc'],
    ['a preflight', 'OPTIONS', ''],
    ['GET', 'GET', ''],
  ] as const) {
    test(`${path} is not on the gateway: ${what}`, async () => {
      const headers = {
        origin: 'https://acme.com',
        ...(method === 'OPTIONS' && { 'access-control-request-method': 'POST' }),
        ...(contentType !== '' && { 'content-type': contentType }),
      };
      const body = Buffer.from(method === 'POST' ? '{}' : '');
      const answer = await sendHttp(`${service.httpUrl}${path}`, { method, headers, body });
      assert.is(answer.status, 404);
      assert.equal(JSON.parse(answer.body.toString()), {
        code: 'unimplemented',
        message: 'There is no such RPC here.',
      });
    });
  }
}

/** Where a public path might be thought to be. */
const NO_PUBLIC_PATHS = [
  '/api/public/v1/chat/sessions/current/verify',
  '/api/public/v1/chat/sessions/verify',
  '/api/public/v1/chat/conversations',
  '/api/public/v1/chat/sessions/current/',
  '/api/public/v1/chat/sessions/current/end',
  '/api/public/v1/chat/sessions/0193aa00-0000-7000-8000-000000000001',
];
for (const path of NO_PUBLIC_PATHS) {
  for (const method of ['GET', 'POST', 'DELETE']) {
    test(`nothing at ${method} ${path}`, async () => {
      const headers = { 'content-type': 'application/json' };
      const answer = await sendHttp(`${service.httpUrl}${path}`, {
        method,
        headers,
        body: Buffer.from('{}'),
      });
      assert.is(answer.status, 404, answer.body.toString());
    });
  }
}
