import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type EmbeddedStartError, startEmbeddedMongo } from '../src/process/start-embedded-mongo.js';
import { checkDataFile } from '../src/storage/data-file.js';
import { connect, type Doc, startError } from './running.js';

const test = suite('embedded: what a data folder is refused for');
const PAGE_BYTES = 4096;
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

const edited = (edit: (bytes: Buffer) => Buffer | undefined) => (_: string, data: string) => {
  const bytes = readFileSync(data);
  writeFileSync(data, edit(bytes) ?? bytes);
};

/** The offset of the newest state's meta page. */
const newestOf = (bytes: Buffer) =>
  bytes.readBigUInt64LE(152) > bytes.readBigUInt64LE(PAGE_BYTES + 152) ? 0 : PAGE_BYTES;
/** The offset of the root page of its documents. */
const rootOf = (bytes: Buffer) => Number(bytes.readBigUInt64LE(newestOf(bytes) + 136)) * PAGE_BYTES;
/** The offset of the node that the root's first pointer points to. */
const firstNodeOf = (bytes: Buffer) => rootOf(bytes) + 24 + bytes.readUInt16LE(rootOf(bytes) + 24);

const refused: readonly {
  readonly name: string;
  readonly damage: (folder: string, data: string) => void;
  readonly code: EmbeddedStartError['code'];
  readonly message: RegExp;
}[] = [
  {
    name: 'an empty file',
    damage: (_, data) => truncateSync(data, 0),
    code: 'damaged',
    message: /it is empty/,
  },
  { name: 'no file', damage: (_, data) => rmSync(data), code: 'incomplete', message: /data\.mdb is missing/ },
  {
    name: 'no FORMAT',
    damage: (folder) => rmSync(join(folder, 'FORMAT')),
    code: 'incomplete',
    message: /FORMAT beside it is missing/,
  },
  {
    name: 'a folder in the place of the file',
    damage(_, data) {
      rmSync(data);
      mkdirSync(data);
    },
    code: 'damaged',
    message: /it is no file/,
  },
  {
    name: 'a pipe in the place of the file',
    damage(_, data) {
      rmSync(data);
      assert.is(spawnSync('mkfifo', [data]).status, 0);
    },
    code: 'damaged',
    message: /it is no file/,
  },
  {
    name: 'a folder in the place of FORMAT',
    damage(folder) {
      rmSync(join(folder, 'FORMAT'));
      mkdirSync(join(folder, 'FORMAT'));
    },
    code: 'unreadable',
    message: /FORMAT cannot be used/,
  },
  {
    name: 'an empty FORMAT',
    damage: (folder) => truncateSync(join(folder, 'FORMAT'), 0),
    code: 'unknown_format',
    message: /has format ""/,
  },
  {
    name: 'a file of something else',
    damage: edited((bytes) => Buffer.from('SQLite format 3\0'.padEnd(bytes.length, '.'))),
    code: 'damaged',
    message: /no data file of this server/,
  },
  {
    name: 'a few bytes only',
    damage: edited((bytes) => bytes.subarray(0, 100)),
    code: 'damaged',
    message: /no data file of this server/,
  },
  {
    name: 'another data version of LMDB',
    damage: edited((bytes) => void bytes.writeUInt32LE(999, 28)),
    code: 'damaged',
    message: /data version 999, and 2 is read/,
  },
  {
    name: 'an impossible size of pages',
    damage: edited((bytes) => void bytes.writeUInt32LE(4097, 48)),
    code: 'damaged',
    message: /its pages have 4097 bytes/,
  },
  {
    name: 'zeros in the second meta page',
    damage: edited((bytes) => bytes.fill(0, PAGE_BYTES, 2 * PAGE_BYTES)),
    code: 'damaged',
    message: /its second page is damaged/,
  },
  {
    name: 'a state of a transaction that cannot be',
    damage: edited((bytes) => void bytes.writeBigUInt64LE(1_000n, newestOf(bytes) + 152)),
    code: 'damaged',
    message: /its two states are/,
  },
  {
    name: 'a last page far behind the end',
    damage: edited((bytes) => void bytes.writeBigUInt64LE(10n ** 9n, newestOf(bytes) + 144)),
    code: 'damaged',
    message: /its last page is 1000000000, and it ends at page \d+/,
  },
  {
    name: 'cut in the middle',
    damage: edited((bytes) => bytes.subarray(0, bytes.length / 2)),
    code: 'damaged',
    message: /page \d+ is beyond its end/,
  },
  {
    name: 'a root that is none',
    damage: edited((bytes) => void bytes.writeBigUInt64LE(2n ** 64n - 1n, newestOf(bytes) + 136)),
    code: 'damaged',
    message: /its roots are damaged/,
  },
  {
    name: 'zeros in the root page',
    damage: edited((bytes) => bytes.fill(0, rootOf(bytes), rootOf(bytes) + PAGE_BYTES)),
    code: 'damaged',
    message: /page \d+ is damaged/,
  },
  {
    name: 'a page of the future, which LMDB would write to in place',
    damage: edited((bytes) => void bytes.writeBigUInt64LE(10n ** 6n, rootOf(bytes) + 8)),
    code: 'damaged',
    message: /page \d+ is damaged/,
  },
  {
    name: 'a pointer out of its page',
    damage: edited((bytes) => void bytes.writeUInt16LE(60_000, rootOf(bytes) + 24)),
    code: 'damaged',
    message: /page \d+ is damaged/,
  },
  {
    name: 'a key that goes over the end of its page',
    damage: edited((bytes) => void bytes.writeUInt16LE(5_000, firstNodeOf(bytes) + 6)),
    code: 'damaged',
    message: /page \d+ is damaged/,
  },
  {
    name: 'a page used twice',
    damage: edited((bytes) => void bytes.writeUInt16LE(rootOf(bytes) / PAGE_BYTES, firstNodeOf(bytes))),
    code: 'damaged',
    message: /page \d+ is used twice/,
  },
  {
    name: 'a list of free pages that has one in use',
    damage: edited((bytes) => {
      const free = Number(bytes.readBigUInt64LE(newestOf(bytes) + 88)) * PAGE_BYTES;
      const node = free + 24 + bytes.readUInt16LE(free + 24);
      assert.is(bytes.readUInt16LE(node + 4), 0, 'the list is in the node');
      bytes.writeBigUInt64LE(1n, node + 16);
      bytes.writeBigUInt64LE(BigInt(rootOf(bytes) / PAGE_BYTES), node + 24);
      return undefined;
    }),
    code: 'damaged',
    message: /page \d+ is (in use and listed as free|used twice)/,
  },
  {
    name: 'a lock file that is damaged',
    damage: (folder) => writeFileSync(join(folder, 'lock.3'), '{"pid":'),
    code: 'failed',
    message: /lock\.3 is damaged; remove it if no other process uses the folder\.$/,
  },
  {
    name: 'a lock file that would have another file removed',
    damage(folder) {
      const holder = { pid: 1, host: 'h', kernel: 'k', since: '2026', socket: '../../file', released: true };
      writeFileSync(join(folder, 'lock.3'), JSON.stringify(holder));
    },
    code: 'failed',
    message: /lock\.3 is damaged/,
  },
  {
    name: 'a folder in the place of LMDB’s lock file',
    damage: (folder) => mkdirSync(join(folder, 'data.mdb-lock')),
    code: 'unreadable',
    message: /data\.mdb-lock cannot be used/,
  },
];

for (const { name, damage, code, message } of refused) {
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

test('a first start that was cut off begins anew', async () => {
  const dataDir = await damaged((folder, data) => {
    rmSync(join(folder, 'FORMAT'));
    writeFileSync(join(folder, 'FORMAT.new'), '1\n');
    writeFileSync(data, Buffer.alloc(2 * PAGE_BYTES));
  });
  const server = await startEmbeddedMongo({ dataDir });
  await server.close();
  assert.is(readFileSync(join(dataDir, 'embedded/FORMAT'), 'utf8'), '1\n');
});

test('LMDB’s lock file may be anything: it is made anew', async () => {
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
