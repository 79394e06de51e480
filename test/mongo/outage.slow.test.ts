import { randomUUID } from 'node:crypto';
import { type EmbeddedServer, startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { type NetworkProxy, startProxy, suite, tempDir } from '@chatsessions/test-harness';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  ChatSessionsClient,
  type OpenSessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { openRequest } from '../harness/requests.js';
import { transports } from '../parity/transports.js';

const test = suite('a database in trouble');
let embedded: EmbeddedServer;
let proxy: NetworkProxy;
let service: TestApp;

test.before(async () => {
  embedded = await startEmbeddedMongo({ dataDir: await tempDir() });
  proxy = await startProxy({ path: embedded.socketPath });
  service = await startTestApp({ env: { MONGODB_URI: `mongodb://${proxy.address}/?directConnection=true` } });
});
test.after(async () => {
  proxy.set('open');
  await service.close();
  await proxy.close();
  await embedded.close();
});

const KEY = 'pk_live_00000000000000000000000000000001';
const step = { origin: 'https://acme.com', request: { publicKey: KEY }, chat: {}, engine: { code: 'OK' } };

async function isServing(): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = await transports['public path'](service, step)?.();
    if (answer?.status === 200) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

for (const trouble of ['stalled', 'cut'] as const) {
  test(
    `${trouble}: all transports answer unavailable and when to come back, and nothing of the driver`,
    async () => {
      assert.ok(await isServing());
      proxy.set(trouble);
      const answers = await Promise.all(
        Object.entries(transports).map(async ([name, transport]) => ({
          name,
          answer: await transport(service, step)?.(),
        })),
      );
      proxy.set('open');
      for (const { name, answer } of answers) {
        assert.is(answer?.reason, 'unavailable', `${name}: ${answer?.raw}`);
        assert.not.match(answer?.raw ?? '', /mongo|socket|ECONN|127\.0\.0\.1|timed out/i);
        if (name === 'public path') assert.is(answer?.status, 503);
        if (name !== 'gRPC') assert.is(answer?.headers['retry-after'], '1');
      }
      assert.ok(await isServing(), 'it does not serve again');
    },
    { timeoutMs: 30_000 },
  );
}

test('a caller that waits less is told in time', async () => {
  assert.ok(await isServing());
  proxy.set('stalled');
  const client = new ChatSessionsClient(service.grpcTarget, credentials.createInsecure());
  const request = openRequest({ publicKey: KEY });
  const refused = await new Promise<ServiceError | null>((resolve) => {
    const options = { deadline: Date.now() + 300 };
    client.openSession(
      request,
      new Metadata(),
      options,
      (error: ServiceError | null, _response: OpenSessionResponse) => resolve(error),
    );
  });
  client.close();
  const headers = { 'connect-timeout-ms': '300' };
  const connect = await transports['Connect JSON'](service, { ...step, headers })?.();
  proxy.set('open');
  assert.is(refused?.code, status.DEADLINE_EXCEEDED);
  assert.is(connect?.reason, 'deadline_exceeded');
  assert.is(connect?.status, 504);
});

test(
  'an open whose answer was lost can be sent again, and is one conversation',
  async () => {
    assert.ok(await isServing());
    const headers = { 'idempotency-key': randomUUID() };
    const request = { publicKey: KEY, customerId: headers['idempotency-key'] };
    // Not any insert: one that the test before gave up on may be on its way yet.
    proxy.cutAfter((bytes) => bytes.includes(request.customerId));
    const lost = await transports['public path'](service, { ...step, request, headers })?.();
    assert.is(lost?.status, 503, lost?.raw);
    assert.ok(await isServing());
    const again = await transports['public path'](service, { ...step, request, headers })?.();
    assert.is(again?.status, 200, again?.raw);
    const rows = await service.withDatabase((client, name) =>
      client.db(name).collection('conversations').find({ customerId: request.customerId }).toArray(),
    );
    assert.is(rows.length, 1);
  },
  { timeoutMs: 30_000 },
);
