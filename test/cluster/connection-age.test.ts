import { suite, until } from '@chatsessions/test-harness';
import { connectivityState } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { readStream } from '../harness/stream-reader.js';
import { engineStub, openOverGrpc } from './load.js';

const test = suite('the age of gRPC connections', { fileTimeoutMs: 180_000 });
const timeoutMs = 60_000;

/** So short that a connection is of age in the middle of a test. */
const maxConnectionAgeMs = 200;

let service: TestApp;
test.before(async () => {
  service = await startTestApp({ maxConnectionAgeMs });
});
test.after(() => service.close());

test(
  'calls go on over new connections: none fails',
  async () => {
    const stubs = Array.from({ length: 4 }, () => engineStub(service.grpcTarget));
    const end = performance.now() + 10 * maxConnectionAgeMs;
    let calls = 0;
    const callers = stubs.flatMap((stub) =>
      Array.from({ length: 4 }, async () => {
        while (performance.now() < end) await openOverGrpc(stub, `${calls++}`);
      }),
    );
    await Promise.all(callers);
    assert.ok(calls > stubs.length, `${calls} calls`);
    for (const stub of stubs) stub.close();
  },
  { timeoutMs },
);

test(
  'a watch goes on over its old connection, and loses nothing',
  async () => {
    const [watching, opening] = [engineStub(service.grpcTarget), engineStub(service.grpcTarget)];
    const watch = readStream(watching.watchConversations({ tenant: 'acme', resumeToken: '' }));
    await watch.came(1);
    const opened: string[] = [];
    const isOfAge = () => watching.getChannel().getConnectivityState(false) !== connectivityState.READY;
    await until('the client is told to make another connection', async () => {
      opened.push(await openOverGrpc(opening, 'before'));
      return isOfAge();
    });
    for (let n = 0; n < 20; n++) opened.push(await openOverGrpc(opening, 'after'));
    // The client of the watch has a new connection for this one.
    opened.push(await openOverGrpc(watching, 'beside'));

    const seen = () =>
      new Set(
        watch.messages.flatMap(({ events }) => events.map((event) => event.conversation?.conversationId)),
      );
    await until('all opens are seen', async () => opened.every((id) => seen().has(id)));
    watch.cancel();
    assert.is((await watch.ended).code, 'CANCELLED');
    for (const stub of [watching, opening]) stub.close();
  },
  { timeoutMs },
);
