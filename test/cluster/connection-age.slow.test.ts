import { suite, until } from '@chatsessions/test-harness';
import { startTestApp, type TestApp } from '../harness/app.js';
import { START_MS } from './cluster.js';
import { startWorkersHere } from './in-process.js';
import { engineStub, openOverGrpc } from './load.js';

const test = suite('workers: the age of gRPC connections', { fileTimeoutMs: 180_000 });
const timeoutMs = 60_000;

/** So short that a connection is of age in the middle of a test. */
const maxConnectionAgeMs = 200;

let service: TestApp;
test.before(async () => {
  service = await startTestApp({ maxConnectionAgeMs });
});
test.after(() => service.close());

test(
  'with several workers each client comes to each of them in time, and none of its calls fails',
  async () => {
    const workers = await startWorkersHere(service, { maxConnectionAgeMs });
    /** The workers that have answered a client, by the request ids that it gave its calls. */
    const answered = (client: string) => {
      const lines = workers.logged().filter(({ requestId }) => requestId === client);
      return new Set(lines.map(({ worker }) => worker));
    };
    const stubs = Array.from({ length: 4 }, () => engineStub(workers.grpcTarget));
    const wereAtBoth = async () => {
      await Promise.all(stubs.map((stub, client) => openOverGrpc(stub, `client-${client}`)));
      return stubs.every((_, client) => answered(`client-${client}`).size === 2);
    };
    await until('each client was at both workers', wereAtBoth, START_MS);
    for (const stub of stubs) stub.close();
    await workers.close();
  },
  { timeoutMs },
);
