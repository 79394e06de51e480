import { execFileSync } from 'node:child_process';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startEmbeddedMongo } from '../src/process/start-embedded-mongo.js';
import { connect, type Doc, refusal } from './running.js';

const test = suite('embedded: disk full');

function mounted(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const folder = await tempDir();
const isMounted = process.platform === 'linux' && process.getuid?.() === 0 && mounted(folder);
if (!isMounted) test.skip('a full disk', 'needs root on Linux, to mount a small tmpfs');
else {
  test.after(() => void execFileSync('umount', ['-l', folder]));
  test('a full disk refuses writes with code 14031, damages nothing, and writes work again after', async () => {
    const server = await startEmbeddedMongo({ dataDir: folder });
    const client = await connect(server.uri);
    const collection = client.db('d').collection<Doc>('c');
    let stored = 0;
    const fill = async () => {
      for (;;) {
        await collection.insertOne({ _id: stored, pad: 'x'.repeat(20_000) });
        stored++;
      }
    };
    const full = await refusal(fill());
    assert.is(full.code, 14031, full.message);
    assert.is((await collection.find().toArray()).length, stored);
    const refused = await Promise.all(
      [1, 2, 3].map((i) => refusal(collection.insertOne({ _id: `x${i}`, pad: 'x'.repeat(2_000_000) }))),
    );
    assert.equal(
      refused.map(({ code }) => code),
      [14031, 14031, 14031],
    );
    // What a refused write made besides its document is gone too.
    assert.is(
      (
        await refusal(
          client
            .db('d')
            .collection<Doc>('new')
            .insertOne({ pad: 'x'.repeat(2_000_000) }),
        )
      ).code,
      14031,
    );
    assert.is((await refusal(client.db('d').collection('new').listIndexes().toArray())).code, 26);
    execFileSync('mount', ['-o', 'remount,size=32m', folder]);
    await collection.insertOne({ _id: 'after', pad: 'x'.repeat(100_000) });
    await client.close();
    await server.close();
    const again = await startEmbeddedMongo({ dataDir: folder });
    const other = await connect(again.uri);
    assert.is((await other.db('d').collection('c').find().toArray()).length, stored + 1);
    await other.close();
    await again.close();
  });
}
