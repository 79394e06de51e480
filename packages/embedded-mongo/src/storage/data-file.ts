import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type CheckedPages, checkPages, DamageError, type FileState, isLittle } from './page-check.js';

/** Fields of MDB_meta in liblmdb's mdb.c, data version 2 on 64 bits, from the start of a meta page. */
const META_BYTES = 168;
const META_PAGE = 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const FREE_TREE = 48;
const MAIN_TREE = 96;
const NO_ROOT = 2 ** 64 - 1;
/** MDB_INTEGERKEY, which the tree of free pages has. Of the main tree no flag may change the order of keys. */
const INTEGER_KEYS = 8;
const ORDER_FLAGS = 0x7e;
/** LMDB's CURSOR_STACK. */
const MAX_DEPTH = 32;

/** The most pages that are read: 256 MiB of pages of 4 KiB, which takes well below a second. */
const MAX_PAGES = 65_536;
/** LMDB allocates pages at the end and may free them unwritten, so the file may be this much shorter. */
const MAX_UNWRITTEN_PAGES = 65_536;

/**
 * Reads a data file as LMDB will read it, and throws `DamageError` where that would end the process: LMDB maps the file
 * and trusts it. Nothing is written. The caller holds the folder's lock.
 */
export function checkDataFile(file: string, most = MAX_PAGES): CheckedPages {
  // Non-blocking: opening a pipe in the file's place would otherwise wait for ever.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new DamageError('it is no file');
    if (status.size === 0) throw new DamageError('it is empty');
    const state = newestState(fd, status.size);
    return checkPages(fd, status.size, state, most);
  } finally {
    closeSync(fd);
  }
}

/** The state that LMDB uses: that of the meta page with the higher transaction. */
function newestState(fd: number, fileBytes: number): FileState {
  const first = metaAt(fd, 0);
  const pageBytes = first.pageBytes;
  const isPageSize = pageBytes >= 4096 && pageBytes <= 65_536 && Number.isInteger(Math.log2(pageBytes));
  if (!isPageSize) throw new DamageError(`it says that its pages have ${pageBytes} bytes`);
  const second = metaAt(fd, pageBytes);
  const [a, b] = [first.transaction, second.transaction];
  // Transaction n writes meta page n % 2, in one sector, and syncs it before n + 1, so that a power cut leaves this order.
  const isSequence = (a === 0 && b === 0) || (Math.abs(a - b) === 1 && a % 2 === 0);
  if (!isSequence) throw new DamageError(`its two states are ${a} and ${b}`);
  const newest = a >= b ? first : second;
  if (newest.pageBytes !== pageBytes) throw new DamageError('its states differ in the size of pages');
  if (newest.lastPage < 1 || (newest.lastPage + 1 - MAX_UNWRITTEN_PAGES) * pageBytes > fileBytes) {
    throw new DamageError(
      `its last page is ${newest.lastPage}, and it ends at page ${Math.floor(fileBytes / pageBytes)}`,
    );
  }
  for (const { root, depth } of [newest.free, newest.main]) {
    if (depth > MAX_DEPTH || (depth === 0) !== (root === NO_ROOT))
      throw new DamageError('its roots are damaged');
  }
  return newest;
}

function metaAt(fd: number, start: number): FileState {
  const page = Buffer.alloc(META_BYTES);
  const got = readSync(fd, page, 0, META_BYTES, start);
  // LMDB uses the byte order of its host.
  const view = new DataView(page.buffer, page.byteOffset, META_BYTES);
  const u16 = (at: number) => view.getUint16(at, isLittle);
  const u32 = (at: number) => view.getUint32(at, isLittle);
  const u64 = (at: number) => Number(view.getBigUint64(at, isLittle));
  if (got < META_BYTES || u32(24) !== MAGIC || (u16(18) & META_PAGE) === 0) {
    throw new DamageError(start === 0 ? 'it is no data file of this server' : 'its second page is damaged');
  }
  if ((u32(28) & 0xffff) !== DATA_VERSION)
    throw new DamageError(`it has LMDB's data version ${u32(28) & 0xffff}, and ${DATA_VERSION} is read`);
  if ((u16(FREE_TREE + 4) & ORDER_FLAGS) !== INTEGER_KEYS || (u16(MAIN_TREE + 4) & ORDER_FLAGS) !== 0)
    throw new DamageError('its order of keys is none that this server uses');
  const tree = (at: number) => ({ depth: u16(at + 6), root: u64(at + 40) });
  return {
    pageBytes: u32(FREE_TREE),
    free: tree(FREE_TREE),
    main: tree(MAIN_TREE),
    lastPage: u64(144),
    transaction: u64(152),
  };
}
