import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type EngineClient, engineClient } from '../callers/engine-client.js';
import { startRecorder } from '../contract/recorder.js';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, startService } from '../harness/service-process.js';

const test = suite('freshness in several processes', { fileTimeoutMs: 120_000 });

const KEY = 'pk_live_000000000000000000000000000f0001';
const SECRET = Buffer.alloc(32, 7).toString('base64');
/** The promise is 2 s; the rest is for a machine that others work on. */
const SHOWN_MS = 3_000;
/** What views are computed from. A poll reads the revisions of tenants too, with a projection. */
const CATALOGUE = new Set(['tenants', 'widget_keys', 'identity_secrets']);

test(
  'three processes on one database: each shows a change within 2 s, and asks nothing of the catalogue for an open',
  async () => {
    const server = await startEmbeddedMongo({ dataDir: await tempDir() });
    const recorder = await startRecorder(server.socketPath);
    const env = {
      MONGODB_URI: recorder.uri,
      SEED_FILE: repoFile('test/cases/catalog-ops.seed.yaml'),
      SESSION_SIGNING_KEYS: `test:${SECRET}`,
    };
    // One after the other: each would apply the tenant file.
    const services = [];
    for (let n = 0; n < 3; n++) {
      const service = await startService(env);
      await httpUrlOf(service);
      const [, target = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
      services.push({ service, client: engineClient(target) });
    }
    const clients = services.map(({ client }) => client);
    const [first] = clients;
    assert.ok(first);
    try {
      const catalogueReads = () =>
        recorder.commands.filter(({ find, projection }) => CATALOGUE.has(find) && projection === undefined)
          .length;
      const polls = () => recorder.commands.filter(({ find }) => find === 'catalog_changes').length;

      // A view that is loaded while a start's announcement is noticed is not cached: until an open reads nothing.
      for (let before = -1; before !== catalogueReads(); ) {
        before = catalogueReads();
        for (const client of clients) assert.ok((await namesOf(client)).includes('going'));
      }
      const [readBefore, polledBefore, began] = [catalogueReads(), polls(), performance.now()];
      for (let n = 0; n < 100; n++) for (const client of clients) await namesOf(client);
      const seconds = (performance.now() - began) / 1000;
      console.log(`catalogue queries of 300 opens: ${catalogueReads() - readBefore}`);
      console.log(`polls of 3 processes in ${seconds.toFixed(1)} s: ${polls() - polledBefore}`);
      assert.is(catalogueReads() - readBefore, 0);

      for (const [rpc, isShown] of [
        ['UnpublishFlow', false],
        ['PublishFlow', true],
      ] as const) {
        const changed = performance.now();
        assert.is((await first.call(rpc, { tenant: 'flows', flow: 'going' })).code, 'OK');
        assert.is((await namesOf(first)).includes('going'), isShown, 'at once where it was made');
        const shown = await Promise.all(clients.map((client) => msUntil(client, isShown, changed)));
        console.log(`${rpc}: shown after ${shown.map(Math.round).join(', ')} ms`);
        for (const ms of shown) assert.ok(ms < SHOWN_MS, `${ms} ms`);
      }

      const created = await first.call('CreateWidgetKey', {
        tenant: 'flows',
        widgetKey: { name: 'new', publicKey: NEW_KEY, allowMissingOrigin: true },
      });
      assert.is(created.code, 'OK', created.message);
      const at = performance.now();
      for (const client of clients) {
        while ((await client.call('OpenSession', { publicKey: NEW_KEY })).code !== 'OK') {
          assert.ok(performance.now() - at < SHOWN_MS, 'the new key works');
          await pause();
        }
      }
    } finally {
      for (const client of clients) client.close();
      for (const { service } of services) service.child.kill('SIGTERM');
      for (const { service } of services) await service.exited;
      await recorder.close();
      await server.close();
    }
  },
  { timeoutMs: 90_000 },
);

const NEW_KEY = 'pk_live_000000000000000000000000000f00aa';

async function namesOf(client: EngineClient): Promise<readonly string[]> {
  const { response, code, message } = await client.call('OpenSession', { publicKey: KEY });
  assert.is(code, 'OK', message);
  const intents = response['intents'];
  assert.ok(Array.isArray(intents));
  return intents.map(({ name }) => name);
}

async function msUntil(client: EngineClient, isShown: boolean, since: number): Promise<number> {
  while ((await namesOf(client)).includes('going') !== isShown) {
    assert.ok(performance.now() - since < 10_000, 'it shows at all');
    await pause();
  }
  return performance.now() - since;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
