import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { suite, tempDir } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';

const test = suite('scripts/copy-database.js');

interface Row {
  readonly _id: number;
  readonly revision: number;
}

test('copies what is not there, or older there, and can be run again', async () => {
  const servers = await Promise.all([1, 2].map(async () => startEmbeddedMongo({ dataDir: await tempDir() })));
  const [from, to] = servers.map(({ uri }) => new MongoClient(uri));
  assert.ok(from && to);
  const rows = (client: MongoClient) => client.db('chatsessions').collection<Row>('conversations');
  const copy = async () => {
    const uris = servers.map(({ uri }) => uri);
    const script = repoFile('scripts/copy-database.js');
    return (await promisify(execFile)(process.execPath, [script, ...uris])).stdout;
  };
  try {
    await rows(from).insertMany([
      { _id: 1, revision: 1 },
      { _id: 2, revision: 1 },
    ]);
    assert.match(await copy(), /^conversations: 2 read, 2 written, 0 there already$/m);
    await rows(from).replaceOne({ _id: 2 }, { revision: 3 });
    await rows(from).insertOne({ _id: 3, revision: 1 });
    await rows(to).replaceOne({ _id: 1 }, { revision: 9 });
    assert.match(await copy(), /^conversations: 3 read, 2 written, 1 there already$/m);
    assert.equal(await rows(to).find().toArray(), [
      { _id: 1, revision: 9 },
      { _id: 2, revision: 3 },
      { _id: 3, revision: 1 },
    ]);
  } finally {
    await Promise.all([from, to].map((client) => client.close()));
    await Promise.all(servers.map((server) => server.close()));
  }
});
