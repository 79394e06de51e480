import { readSync } from 'node:fs';

/** The data file is damaged in a way that would crash LMDB. The message is a clause for a longer sentence. */
export class DamageError extends Error {}

/** A B+tree of LMDB: its root page and the number of its levels, 0 when it is empty. */
export interface Tree {
  readonly root: number;
  readonly depth: number;
}

/** One committed state of the file, as a meta page describes it. */
export interface FileState {
  readonly pageBytes: number;
  readonly lastPage: number;
  /** The number of the transaction that committed it. */
  readonly transaction: number;
  /** Lists of pages that may be written over. */
  readonly free: Tree;
  readonly main: Tree;
}

/** How many pages were read. */
export interface CheckedPages {
  readonly read: number;
  /** False when there are more than `most` pages. */
  readonly isWhole: boolean;
}

/** The byte order of this host, which is that of LMDB's files. */
export const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Sizes and flags of liblmdb's mdb.c (MDB_page_header, MDB_node, MDB_ovpage), data version 2 on 64 bits. */
const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const OVERFLOW_BYTES = 24;
const BRANCH_PAGE = 1;
const LEAF_PAGE = 2;
const OVERFLOW_PAGE = 4;
const BIG_DATA = 1;

const USED = 1;
const FREE = 2;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Walks through all pages of a state from its roots, and throws `DamageError` for the first that LMDB could not read
 * safely: LMDB trusts page numbers, offsets and sizes, and a wrong one ends the process with a signal. Each page must be
 * in the file, have its own number, be used once and not be listed as free, and its nodes must lie within it. The
 * contents of keys and values cannot be checked: LMDB has no checksums.
 *
 * @param most the most pages to read; of further leaves only their place in the file is checked
 */
export function checkPages(fd: number, fileBytes: number, state: FileState, most: number): CheckedPages {
  const { pageBytes, lastPage, transaction } = state;
  const pages = new Uint8Array(lastPage + 1);
  const bytes = new Uint8Array(pageBytes);
  // LMDB uses the byte order of its host, and aligns all but keys and values to two bytes.
  const words = new Uint16Array(bytes.buffer);
  const room = pageBytes - HEADER_BYTES;
  let read = 0;

  const word = (at: number): number => words[at >> 1] ?? 0;
  const double = (at: number): number => word(at) + word(at + 2) * 2 ** 16;
  const long = (at: number): number => double(at) + double(at + 4) * 2 ** 32;

  const claim = (first: number, count: number): void => {
    if (first < 2 || count < 1 || first + count - 1 > lastPage)
      throw new DamageError(`page ${first} is none of its pages`);
    if ((first + count) * pageBytes > fileBytes) throw new DamageError(`page ${first} is beyond its end`);
    for (let number = first; number < first + count; number++) {
      if (pages[number] !== 0) throw new DamageError(`page ${number} is used twice`);
      pages[number] = USED;
    }
  };

  const load = (number: number, flags: number): void => {
    read++;
    const got = readSync(fd, bytes, 0, pageBytes, number * pageBytes);
    // LMDB would write to a page with a future transaction number in place, in a map that is read-only.
    if (got < pageBytes || long(0) !== number || word(18) !== flags || long(8) > transaction)
      throw new DamageError(`page ${number} is damaged`);
  };

  /** Checks that all nodes lie in the page, then calls `visit` with the offset of each. */
  const eachNode = (number: number, sizeOf: (at: number) => number, visit: (at: number) => void): void => {
    const [lower, upper] = [word(20), word(22)];
    if (lower < 2 || lower % 2 !== 0 || lower > upper || upper > room)
      throw new DamageError(`page ${number} is damaged`);
    let total = 0;
    for (let pointer = HEADER_BYTES; pointer < HEADER_BYTES + lower; pointer += 2) {
      const start = word(pointer);
      const at = HEADER_BYTES + start;
      if (start < upper || start % 2 !== 0 || start + NODE_BYTES > room)
        throw new DamageError(`page ${number} is damaged`);
      const size = sizeOf(at);
      total += size + (size % 2);
      if (start + size > room) throw new DamageError(`page ${number} is damaged`);
    }
    // Overlapping nodes would overflow the page when LMDB moves them.
    if (total > room - upper) throw new DamageError(`page ${number} is damaged`);
    for (let pointer = HEADER_BYTES; pointer < HEADER_BYTES + lower; pointer += 2)
      visit(HEADER_BYTES + word(pointer));
  };
  const branchSize = (at: number): number => NODE_BYTES + word(at + 6);
  const leafSize = (at: number): number => {
    const isBig = word(at + 4) === BIG_DATA;
    return NODE_BYTES + word(at + 6) + (isBig ? OVERFLOW_BYTES : double(at));
  };

  /** The overflow pages of a leaf's node, which hold a large value. */
  const overflowOf = (number: number, at: number): { readonly first: number; readonly size: number } => {
    const size = double(at);
    const start = at + NODE_BYTES + word(at + 6);
    // It follows a key, so that its offset may be odd.
    const place = new DataView(bytes.buffer, start, OVERFLOW_BYTES);
    const [first, count] = [
      Number(place.getBigUint64(0, isLittle)),
      Number(place.getBigUint64(16, isLittle)),
    ];
    if (count * pageBytes < HEADER_BYTES + size) throw new DamageError(`page ${number} is damaged`);
    claim(first, count);
    return { first, size };
  };
  const head = new Uint8Array(HEADER_BYTES);
  const headWords = new DataView(head.buffer);
  const checkOverflow = ({ first, size }: { readonly first: number; readonly size: number }): void => {
    read++;
    readSync(fd, head, 0, HEADER_BYTES, first * pageBytes);
    const isFine =
      Number(headWords.getBigUint64(0, isLittle)) === first &&
      Number(headWords.getBigUint64(8, isLittle)) <= transaction &&
      headWords.getUint16(18, isLittle) === OVERFLOW_PAGE &&
      headWords.getUint32(20, isLittle) * pageBytes >= HEADER_BYTES + size;
    if (!isFine) throw new DamageError(`page ${first} is damaged`);
  };

  /** Visits the leaves of a tree. @returns whether all of them were read */
  const walk = ({ root, depth }: Tree, onLeaf: (number: number) => void): boolean => {
    if (depth === 0) return true;
    claim(root, 1);
    let level = [root];
    for (let left = depth; left > 1; left--) {
      const below: number[] = [];
      for (const number of level) {
        if (read >= most) return false;
        load(number, BRANCH_PAGE);
        eachNode(number, branchSize, (at) => {
          const child = double(at) + word(at + 4) * 2 ** 32;
          claim(child, 1);
          below.push(child);
        });
      }
      level = below;
    }
    for (const number of level) {
      if (read >= most) return false;
      load(number, LEAF_PAGE);
      onLeaf(number);
    }
    return true;
  };

  const freeLists: { readonly start: number; readonly size: number }[] = [];
  const onFreeLeaf = (number: number): void => {
    eachNode(number, leafSize, (at) => {
      const [flags, keySize] = [word(at + 4), word(at + 6)];
      if (flags > BIG_DATA || keySize !== 8) throw new DamageError(`page ${number} is damaged`);
      if (flags === BIG_DATA) {
        const big = overflowOf(number, at);
        checkOverflow(big);
        freeLists.push({ start: big.first * pageBytes + HEADER_BYTES, size: big.size });
      } else freeLists.push({ start: number * pageBytes + at + NODE_BYTES + keySize, size: double(at) });
    });
  };
  const onMainLeaf = (number: number): void => {
    const big: { readonly first: number; readonly size: number }[] = [];
    eachNode(number, leafSize, (at) => {
      const flags = word(at + 4);
      if (flags > BIG_DATA || word(at + 6) === 0) throw new DamageError(`page ${number} is damaged`);
      if (flags === BIG_DATA) big.push(overflowOf(number, at));
    });
    big.forEach(checkOverflow);
  };

  let isWhole = walk(state.free, onFreeLeaf);
  let listed = 0;
  for (const { start, size } of freeLists) {
    for (const [first, count] of freeRuns(fd, start, size)) {
      listed += count;
      const isFine = first >= 2 && count >= 1 && first + count - 1 <= lastPage && listed <= 2 * lastPage;
      if (!isFine) throw new DamageError('its list of free pages is damaged');
      for (let page = first; page < first + count; page++) {
        if (pages[page] === USED) throw new DamageError(`page ${page} is in use and listed as free`);
        pages[page] = FREE;
      }
    }
  }
  isWhole = walk(state.main, onMainLeaf) && isWhole;
  if (!isWhole) {
    // Leaves that were not read may have their data on any page that is not free.
    for (let page = Math.floor(fileBytes / pageBytes); page <= lastPage; page++)
      if (pages[page] !== FREE) throw new DamageError(`page ${page} is beyond its end`);
  }
  return { read, isWhole };
}

/**
 * The runs of a list of free pages: a count of entries, then entries of 8 bytes. lmdb-js writes a run of pages as its
 * negative length and the first page; 0 is an entry that was used up.
 */
function* freeRuns(
  fd: number,
  start: number,
  size: number,
): Generator<readonly [first: number, count: number]> {
  const chunk = new Uint8Array(Math.min(size - (size % 8), CHUNK_BYTES));
  let left = -1;
  let run = 0;
  for (let done = 0; done + 8 <= size && left !== 0; done += chunk.length) {
    const got = readSync(fd, chunk, 0, Math.min(chunk.length, size - done), start + done);
    const view = new DataView(chunk.buffer, 0, got - (got % 8));
    for (let at = 0; at < view.byteLength && left !== 0; at += 8) {
      const entry = Number(view.getBigInt64(at, isLittle));
      if (left < 0) {
        if (entry < 0 || (entry + 1) * 8 > size) throw new DamageError('its list of free pages is damaged');
        left = entry;
        continue;
      }
      left--;
      if (run > 0) {
        yield [entry, run];
        run = 0;
      } else if (entry < 0) run = -entry;
      else if (entry > 0) yield [entry, 1];
    }
    if (got === 0) throw new DamageError('its list of free pages is damaged');
  }
}
