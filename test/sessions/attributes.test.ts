import type { DescMessage } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { engineOnlyPaths } from '../parity/rpcs.js';
import { transports } from '../parity/transports.js';
import type { TransportName } from './site.js';

const test = suite('attributes stay on the engine surface');
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

const publicKey = 'pk_live_00000000000000000000000000000001';
const SECRETS = ['plan_a1b2', 'platinum_c3d4'];
const attributes = { plan_a1b2: 'platinum_c3d4' };

for (const name of ['public path', 'Connect JSON', 'Connect binary'] as const satisfies TransportName[]) {
  test(`no answer of the chat surface has them [${name}]`, async () => {
    const send = async (over: TransportName, rpc: string, request: object, session?: unknown) => {
      const either = { chat: {}, engine: { code: 'OK' } };
      const step = { rpc, request: { ...request }, origin: 'https://acme.com', ...either };
      const token = session === undefined ? {} : { session: String(session) };
      const answer = await transports[over](service, { ...step, ...token })?.();
      if (!answer) throw new Error(`${over} cannot carry this`);
      return answer;
    };
    const opened = await send('gRPC', 'OpenSession', { publicKey, attributes });
    const token = Reflect.get(Object(opened.body), 'sessionToken');
    const verified = await send('gRPC', 'VerifySession', { token });
    for (const secret of SECRETS) assert.ok(verified.raw.includes(secret), 'services see them');

    const answers = [
      await send(name, 'GetSession', {}, token),
      await send(name, 'RefreshSession', { variables: { a: 1 } }, token),
      await send(name, 'RefreshSession', { variables: { A: 1 } }, token),
      await send(name, 'GetSession', {}, token),
      await send(name, 'EndSession', {}, token),
      await send(name, 'GetSession', {}, token),
    ];
    for (const { raw, body, headers } of answers) {
      const shown = JSON.stringify([raw, body, headers]);
      for (const secret of SECRETS) assert.not(shown.includes(secret), shown);
    }
    const log = service.logged().join('');
    for (const secret of SECRETS) assert.not(log.includes(secret), 'the log has them');
  });
}

test('no answer of a public RPC has a field for them', () => {
  const isPublic = ({ parent, name }: { parent: { typeName: string }; name: string }) =>
    !engineOnlyPaths.includes(`/${parent.typeName}/${name}`);
  const seen = new Set<string>();
  const fieldsOf = ({ typeName, fields }: DescMessage): void => {
    if (seen.has(typeName)) return;
    seen.add(typeName);
    for (const { name, message } of fields) {
      assert.is.not(name, 'attributes', typeName);
      if (message && !message.typeName.startsWith('google.')) fieldsOf(message);
    }
  };
  for (const method of ChatSessions.methods.filter(isPublic)) fieldsOf(method.output);
  assert.ok(seen.size >= 4);
});
