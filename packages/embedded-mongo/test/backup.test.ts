import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeClient, suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { BackupError, backupEmbeddedMongo } from '../src/process/backup-folder.js';
import { startEmbeddedMongo } from '../src/process/start-embedded-mongo.js';
import { connect, type Doc, refusal } from './running.js';

const test = suite('a backup of the embedded server');

test('while it writes: a copy of one moment, with all that was acknowledged before', async () => {
  const [dataDir, target] = [await tempDir(), await tempDir()];
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri);
  const pairs = client.db('shop').collection<Doc>('pairs');
  let [written, isOver] = [0, false];
  const text = 'x'.repeat(2_000);
  const writing = (async () => {
    while (!isOver) {
      await pairs.insertMany(Array.from({ length: 20 }, (_, n) => ({ _id: written + n, text })));
      written += 20;
    }
  })();
  const deadline = performance.now() + 5_000;
  while (written < 500 && performance.now() < deadline) await pairs.find({ _id: 0 }).toArray();
  const before = written;
  await backupEmbeddedMongo(dataDir, target);
  isOver = true;
  await writing;
  assert.is((await pairs.find({}).toArray()).length, written, 'the server goes on');
  await closeClient(client);
  await server.close();

  assert.is(statSync(join(target, 'embedded', 'data.mdb')).mode & 0o777, 0o600);
  assert.equal(readdirSync(join(target, 'embedded')).sort(), ['FORMAT', 'data.mdb']);
  const copy = await startEmbeddedMongo({ dataDir: target });
  const reader = await connect(copy.uri);
  const ids = (await reader.db('shop').collection<Doc>('pairs').find({}).toArray()).map(({ _id }) =>
    Number(_id),
  );
  await closeClient(reader);
  await copy.close();
  assert.ok(ids.length >= before, `${ids.length} of at least ${before}`);
  assert.is(ids.length % 20, 0, 'groups are whole');
  assert.equal(
    ids.sort((a, b) => a - b),
    Array.from(ids, (_, n) => n),
    'none is missing in between',
  );
});

test('of a server that is stopped, which then starts again', async () => {
  const [dataDir, target] = [await tempDir(), await tempDir()];
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri);
  await client.db('shop').collection<Doc>('c').insertOne({ _id: 1 });
  await closeClient(client);
  await server.close();
  await backupEmbeddedMongo(dataDir, target);
  for (const folder of [dataDir, target]) {
    const again = await startEmbeddedMongo({ dataDir: folder });
    const reader = await connect(again.uri);
    assert.equal(await reader.db('shop').collection<Doc>('c').find({}).toArray(), [{ _id: 1 }]);
    await closeClient(reader);
    await again.close();
  }
});

test('refusals: no data; a copy that is there; a server on another machine', async () => {
  const [dataDir, target] = [await tempDir(), await tempDir()];
  const nothing = await refusal(backupEmbeddedMongo(dataDir, target));
  assert.match(nothing.message, /^There is no data in /);
  await (await startEmbeddedMongo({ dataDir })).close();
  await backupEmbeddedMongo(dataDir, target);
  const twice = await refusal(backupEmbeddedMongo(dataDir, target));
  assert.instance(twice.error, BackupError);
  assert.match(twice.message, /is there already/);

  const holder = {
    pid: 1,
    host: 'db-2',
    kernel: 'another',
    since: '2026-01-01T00:00:00Z',
    socket: 'holder-x.sock',
    released: false,
  };
  writeFileSync(join(dataDir, 'embedded', 'lock.9'), JSON.stringify(holder));
  const elsewhere = await refusal(backupEmbeddedMongo(dataDir, await tempDir()));
  assert.match(elsewhere.message, /runs on host db-2/);
});
