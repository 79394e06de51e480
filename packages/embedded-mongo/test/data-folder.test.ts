import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startEmbeddedMongo } from '../src/process/start-embedded-mongo.js';
import { checkDataFile } from '../src/storage/data-file.js';
import { folderDamages, newestOf, PAGE_BYTES } from './folder-damage.js';
import { connect, type Doc, startError } from './running.js';

const test = suite('embedded: what a data folder is refused for');
const ROWS = 2_000;

let origin = '';
test.before(async () => {
  const dataDir = await tempDir();
  origin = join(dataDir, 'embedded');
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri);
  const collection = client.db('d').collection<Doc>('c');
  // Large ones, on pages of their own, among small ones; and a free page or two.
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    _id: i,
    pad: 'x'.repeat(i % 40 === 0 ? 9_000 : 300),
  }));
  await collection.insertMany(rows);
  await collection.deleteMany({ _id: { $lt: 300 } });
  await client.close();
  await server.close();
});

/** A copy of the folder, damaged. */
async function damaged(damage: (folder: string, data: string) => void): Promise<string> {
  const dataDir = await tempDir();
  const folder = join(dataDir, 'embedded');
  mkdirSync(folder);
  for (const name of ['FORMAT', 'data.mdb']) copyFileSync(join(origin, name), join(folder, name));
  damage(folder, join(folder, 'data.mdb'));
  return dataDir;
}

for (const { name, damage, code, message } of folderDamages) {
  test(`${name}: one sentence, and the file as it was`, async () => {
    let before = '';
    const dataDir = await damaged((folder, data) => {
      damage(folder, data);
      before = contents(data);
    });
    const error = await startError(dataDir);
    assert.is(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.message, /^[A-Z][^\n]+\.$/);
    if (code === 'damaged' || code === 'incomplete') {
      assert.match(error.message, /restore \S+\/embedded from a backup, or remove it to begin anew\.$/);
    }
    assert.is(contents(join(dataDir, 'embedded/data.mdb')), before);
  });
}

function contents(file: string): string {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file, 'latin1') : 'no file';
}

test('a first start that was cut off starts afresh', async () => {
  const dataDir = await damaged((folder, data) => {
    rmSync(join(folder, 'FORMAT'));
    writeFileSync(join(folder, 'FORMAT.new'), '1\n');
    writeFileSync(data, Buffer.alloc(2 * PAGE_BYTES));
  });
  const server = await startEmbeddedMongo({ dataDir });
  await server.close();
  assert.is(readFileSync(join(dataDir, 'embedded/FORMAT'), 'utf8'), '1\n');
});

test('LMDB’s lock file may be anything: it is made again', async () => {
  const dataDir = await damaged((folder) => writeFileSync(join(folder, 'data.mdb-lock'), 'x'.repeat(9_000)));
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri);
  assert.is((await client.db('d').collection('c').find().toArray()).length, ROWS - 300);
  await client.close();
  await server.close();
});

const unreadable = 'a data file that this user may not read: one sentence';
if (process.getuid?.() === 0) test.skip(unreadable, 'root may read everything');
else
  test(unreadable, async () => {
    const error = await startError(await damaged((_, data) => chmodSync(data, 0)));
    assert.is(error.code, 'unreadable');
    assert.match(error.message, /^The file \S+data\.mdb cannot be used: EACCES[^\n]+\.$/);
  });

test('no more pages are read than asked; a file that is cut off is found all the same', async () => {
  const data = join(origin, 'data.mdb');
  const { read, isWhole } = checkDataFile(data);
  assert.ok(isWhole && read > 100, String(read));
  assert.equal(checkDataFile(data, 10), { read: 10, isWhole: false });
  const cut = join(await tempDir(), 'data.mdb');
  const bytes = readFileSync(data);
  for (let pages = 1; pages <= 3; pages++) {
    writeFileSync(cut, bytes.subarray(0, bytes.length - pages * PAGE_BYTES));
    assert.throws(() => checkDataFile(cut, 10), /is beyond its end/);
  }
});

test('pages at the end that nothing uses may be missing, where all that is used was read', async () => {
  const dataDir = await damaged((_, data) => {
    const bytes = readFileSync(data);
    const newest = newestOf(bytes);
    const last = bytes.readBigUInt64LE(newest + 144);
    // One page more, which a transaction has allocated and freed unwritten.
    bytes.writeBigUInt64LE(last + 1n, newest + 144);
    writeFileSync(data, bytes);
    assert.throws(() => checkDataFile(data, 10), /is beyond its end/);
  });
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri);
  const collection = client.db('d').collection<Doc>('c');
  await collection.insertMany(Array.from({ length: 300 }, () => ({ pad: 'x'.repeat(900) })));
  assert.is((await collection.find().toArray()).length, ROWS);
  await client.close();
  await server.close();
});
