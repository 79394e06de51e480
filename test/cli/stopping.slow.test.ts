import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { startProxy, suite, tempDir } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ChatSessionsClient } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { repoFile } from '../harness/repo-file.js';
import { openRequest } from '../harness/requests.js';
import { httpUrlOf, startService } from '../harness/service-process.js';
import { PATH, post, SEED } from './open.js';

const test = suite('stopping and killing the process');

/** Opens a session with `Expect: 100-continue`, so that the client knows when the server has begun with it. */
function openSlowly(
  url: string,
  body: unknown,
): { begun: Promise<unknown>; status: Promise<number | undefined> } {
  const sent = request(`${url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  });
  const begun = once(sent, 'continue').then(() => sent.end(JSON.stringify(body)));
  const status = once(sent, 'response').then(([response]) => response.resume().statusCode);
  sent.flushHeaders();
  return { begun, status };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `${signal}: what is under way is answered first, over HTTP and gRPC`,
    async () => {
      const embedded = await startEmbeddedMongo({ dataDir: await tempDir() });
      const proxy = await startProxy({ path: embedded.socketPath });
      const service = await startService({
        SEED_FILE: SEED,
        MONGODB_URI: `mongodb://${proxy.address}/?directConnection=true`,
      });
      const url = await httpUrlOf(service);
      const [, target = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
      const publicKey = 'pk_live_00000000000000000000000000000005';
      await (await post(url, { publicKey })).text();

      // The database holds every answer back until the service has been told to stop.
      proxy.set('held');
      const opens = Array.from({ length: 20 }, () => openSlowly(url, { publicKey }));
      const client = new ChatSessionsClient(target, credentials.createInsecure());
      const wanted = openRequest({ publicKey });
      let tell: (outcome: string) => void = () => {};
      const called = new Promise<string>((resolve) => {
        tell = resolve;
      });
      client.openSession(wanted, (error) => tell(error ? error.message : 'OK'));
      // Of one connection, what came later is refused at once: so the server has begun with what came before it.
      const refused = new Promise((resolve) => client.openSession({ ...wanted, publicKey: 'x' }, resolve));
      await Promise.all([...opens.map((open) => open.begun), refused, proxy.holding()]);
      service.child.kill(signal);
      await service.printed(/Stopping\.\n$/);
      proxy.set('open');

      const statuses = await Promise.all(opens.map((open) => open.status));
      assert.equal(new Set(statuses), new Set([200]));
      assert.is(await called, 'OK');
      assert.is(await service.exited, 0);
      client.close();
      await proxy.close();
      await embedded.close();
    },
    { timeoutMs: 20_000 },
  );
}

test(
  'npm start: told to stop, the service stops too',
  async () => {
    const folder = await tempDir();
    const env = {
      ...process.env,
      MONGODB_URI: '',
      HTTP_ADDR: '127.0.0.1:0',
      GRPC_ADDR: '127.0.0.1:0',
      DATA_DIR: join(folder, 'data'),
    };
    const npm = spawn('npm', ['start'], { cwd: repoFile('.'), env, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    npm.stdout.on('data', (chunk) => {
      output += chunk;
      if (/OpenSession\n\n$/.test(output)) npm.kill('SIGTERM');
    });
    await once(npm.stdout, 'close');
    assert.match(output, /Stopping\.\n$/);
  },
  { timeoutMs: 30_000 },
);

test(
  'kill -9 in the middle of 2,000 opens: every acknowledged conversation is there',
  async () => {
    const dataDir = await tempDir();
    const env = { DATA_DIR: dataDir, SEED_FILE: SEED };
    const publicKey = 'pk_live_00000000000000000000000000000005';
    const first = await startService(env);
    const url = await httpUrlOf(first);

    const acknowledged: { key: string; id: string; token: string }[] = [];
    let sent = 0;
    const opener = async () => {
      while (sent < 2_000) {
        sent++;
        if (sent === 1_000) first.child.kill('SIGKILL');
        const key = randomUUID();
        try {
          const answer = await post(url, { publicKey }, { 'idempotency-key': key });
          const session = (await answer.json()) as { conversationId: string; sessionToken: string };
          acknowledged.push({ key, id: session.conversationId, token: session.sessionToken });
        } catch {
          // The process is gone: this open was not acknowledged.
        }
      }
    };
    await Promise.all(Array.from({ length: 64 }, opener));
    assert.is(await first.exited, 'SIGKILL');
    assert.ok(
      acknowledged.length > 500 && acknowledged.length < 1_000,
      `${acknowledged.length} acknowledged`,
    );

    // A replay of an open whose row is there answers the very same token; of one that is lost, another.
    const second = await startService(env);
    const again = await httpUrlOf(second);
    for (const { key, id, token } of acknowledged) {
      const answer = await post(again, { publicKey }, { 'idempotency-key': key });
      const session = (await answer.json()) as { conversationId: string; sessionToken: string };
      assert.is(session.conversationId, id);
      assert.is(session.sessionToken, token);
    }
    second.child.kill('SIGTERM');
    assert.is(await second.exited, 0);
  },
  { timeoutMs: 60_000 },
);
