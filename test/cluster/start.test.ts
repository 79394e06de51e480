import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { callOver, OVER, textOf } from '../parity/call.js';
import { memberAt } from '../parity/values.js';
import { type Cluster, START_MS, startCluster } from './cluster.js';
import { engineStub, openOverGrpc } from './load.js';

const test = suite('workers');
/** Each connection is to any worker: it may take many until all have answered. */
const options = { timeoutMs: START_MS };

/** A widget key of the tenants of the parity tables, for pages of its site. */
const KEY_OF_A_SITE = 'pk_live_00000000000000000000000000000001';

let cluster: Cluster;
test.before(async () => {
  cluster = await startCluster({ WORKERS: '2' });
});
test.after(async () => {
  cluster.service.child.kill('SIGTERM');
  assert.is(await cluster.service.exited, 0);
});

test(
  'all of them answer on one port, over HTTP and over gRPC',
  async () => {
    const workers = await cluster.workers(2);
    assert.not.ok(workers.includes(cluster.service.child.pid ?? 0));

    const stubs: ReturnType<typeof engineStub>[] = [];
    const answered = new Set<number | undefined>();
    const haveAll = async () => {
      const requestId = `over-grpc-${stubs.length}`;
      const stub = engineStub(cluster.grpcTarget);
      stubs.push(stub);
      await openOverGrpc(stub, requestId);
      await until('its line is there', async () => cluster.answeredBy(requestId) !== undefined);
      answered.add(cluster.answeredBy(requestId));
      return answered.size === workers.length;
    };
    await until('all answer over gRPC', haveAll, START_MS);
    assert.equal([...answered].sort(), [...workers].sort());
    for (const stub of stubs) stub.close();
  },
  options,
);

test(
  'a session opened at one is good at all, over every transport',
  async () => {
    for (const over of OVER) {
      const opened = await callOver(over, cluster, 'OpenSession', { request: { publicKey: KEY_OF_A_SITE } });
      const session = textOf(opened, 'sessionToken');
      // A kept connection stays with one worker; gRPC makes a connection for each of these calls.
      for (const at of OVER) {
        const got = await callOver(at, cluster, 'GetSession', { session });
        assert.is(memberAt(got.body, 'conversationId'), textOf(opened, 'conversationId'), got.raw);
      }
      const verified = await callOver('gRPC', cluster, 'VerifySession', { request: { token: session } });
      assert.is(verified.reason, undefined, verified.raw);
      const ended = await callOver(over, cluster, 'EndSession', { session });
      assert.is(ended.reason, undefined, ended.raw);
    }
  },
  options,
);
