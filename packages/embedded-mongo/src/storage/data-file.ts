import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type CheckedPages, checkPages, DamageError, type FileState, isLittle } from './page-check.js';

/** Fields of MDB_meta in liblmdb's mdb.c, data version 2 on 64 bits, from the start of a meta page. */
const metaBytes = 168;
const metaPage = 8;
const magic = 0xbeefc0de;
const dataVersion = 2;
const freeTree = 48;
const mainTree = 96;
const noRoot = 2 ** 64 - 1;
/** MDB_INTEGERKEY is set for the free pages' tree, and of the rest none changes how keys are read. */
const integerKeys = 8;
const orderFlags = 0x7e;
/** LMDB's CURSOR_STACK. */
const deepest = 32;

/** Pages that are read at most: 256 MiB of pages of 4 KiB, well below a second. */
const mostPages = 65_536;
/** LMDB allocates pages at the end and may free them unwritten, so the file may be this much shorter. */
const unwrittenPages = 65_536;

/**
 * Reads a data file as LMDB is going to read it, and throws `DamageError` where that would end the process: LMDB maps
 * the file and trusts it. Nothing is written. The caller holds the folder.
 */
export function checkDataFile(file: string, most = mostPages): CheckedPages {
  // Not blocking, or a pipe in the file's place would stop the start for good.
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

/** The state that LMDB takes: that of the meta page with the higher transaction. */
function newestState(fd: number, fileBytes: number): FileState {
  const first = metaAt(fd, 0);
  const pageBytes = first.pageBytes;
  const isPageSize = pageBytes >= 4096 && pageBytes <= 65_536 && Number.isInteger(Math.log2(pageBytes));
  if (!isPageSize) throw new DamageError(`it says that its pages have ${pageBytes} bytes`);
  const second = metaAt(fd, pageBytes);
  const [a, b] = [first.transaction, second.transaction];
  // Transaction n writes meta page n % 2, in one sector, and syncs it before n + 1: even a power cut leaves them so.
  const isSequence = (a === 0 && b === 0) || (Math.abs(a - b) === 1 && a % 2 === 0);
  if (!isSequence) throw new DamageError(`its two states are ${a} and ${b}`);
  const newest = a >= b ? first : second;
  if (newest.pageBytes !== pageBytes) throw new DamageError('its states differ in the size of pages');
  if (newest.lastPage < 1 || (newest.lastPage + 1 - unwrittenPages) * pageBytes > fileBytes) {
    throw new DamageError(
      `its last page is ${newest.lastPage}, and it ends at page ${Math.floor(fileBytes / pageBytes)}`,
    );
  }
  for (const { root, depth } of [newest.free, newest.main]) {
    if (depth > deepest || (depth === 0) !== (root === noRoot))
      throw new DamageError('its roots are damaged');
  }
  return newest;
}

function metaAt(fd: number, start: number): FileState {
  const page = Buffer.alloc(metaBytes);
  const got = readSync(fd, page, 0, metaBytes, start);
  // LMDB writes in the byte order of its host.
  const view = new DataView(page.buffer, page.byteOffset, metaBytes);
  const u16 = (at: number) => view.getUint16(at, isLittle);
  const u32 = (at: number) => view.getUint32(at, isLittle);
  const u64 = (at: number) => Number(view.getBigUint64(at, isLittle));
  if (got < metaBytes || u32(24) !== magic || (u16(18) & metaPage) === 0) {
    throw new DamageError(start === 0 ? 'it is no data file of this server' : 'its second page is damaged');
  }
  if ((u32(28) & 0xffff) !== dataVersion)
    throw new DamageError(`it has LMDB's data version ${u32(28) & 0xffff}, and ${dataVersion} is read`);
  if ((u16(freeTree + 4) & orderFlags) !== integerKeys || (u16(mainTree + 4) & orderFlags) !== 0)
    throw new DamageError('its order of keys is none that this server uses');
  const tree = (at: number) => ({ depth: u16(at + 6), root: u64(at + 40) });
  return {
    pageBytes: u32(freeTree),
    free: tree(freeTree),
    main: tree(mainTree),
    lastPage: u64(144),
    transaction: u64(152),
  };
}
