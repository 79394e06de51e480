import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { EmbeddedStartError } from '../src/index.js';

/** The size of LMDB's pages here, in bytes. */
export const PAGE_BYTES = 4096;

const edited = (edit: (bytes: Buffer) => Buffer | undefined) => (_: string, data: string) => {
  const bytes = readFileSync(data);
  writeFileSync(data, edit(bytes) ?? bytes);
};

/** The offset of the newest state's meta page. */
export const newestOf = (bytes: Buffer) =>
  bytes.readBigUInt64LE(152) > bytes.readBigUInt64LE(PAGE_BYTES + 152) ? 0 : PAGE_BYTES;
/** The offset of the root page of its documents. */
const rootOf = (bytes: Buffer) => Number(bytes.readBigUInt64LE(newestOf(bytes) + 136)) * PAGE_BYTES;
/** The offset of the node that the root's first pointer points to. */
const firstNodeOf = (bytes: Buffer) => rootOf(bytes) + 24 + bytes.readUInt16LE(rootOf(bytes) + 24);

/** One kind of damage to a data folder, and the error that a start on it gives. */
export interface FolderDamage {
  readonly name: string;
  readonly damage: (folder: string, data: string) => void;
  readonly code: EmbeddedStartError['code'];
  readonly message: RegExp;
}

/** Damage that must be refused. */
export const folderDamages: readonly FolderDamage[] = [
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
