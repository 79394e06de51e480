import type { SeededRandom } from '@chatsessions/test-harness';

const PAGE_BYTES = 4096;

/** One way to damage a data file. */
export interface Damage {
  readonly name: string;
  /** Damages a file's bytes in place, or makes others. */
  readonly apply: (file: Buffer, random: SeededRandom) => Buffer;
}

const pagesOf = (file: Buffer) => Math.floor(file.length / PAGE_BYTES);

function scribble(file: Buffer, random: SeededRandom, from: number, end: number): Buffer {
  const at = from + random.below(end - from);
  const length = Math.min(1 + random.below(random.pick([1, 8, 64, 512])), end - at);
  for (let i = at; i < at + length; i++) file[i] = random.below(256);
  return file;
}

/** Damage as disks, interrupted copies and people do it to a data file. */
export const damages: readonly Damage[] = [
  {
    name: 'cut at a page near the end',
    apply: (file, random) => file.subarray(0, (pagesOf(file) - 1 - random.below(16)) * PAGE_BYTES),
  },
  { name: 'cut anywhere', apply: (file, random) => file.subarray(0, random.below(file.length)) },
  {
    name: 'a page of zeros',
    apply(file, random) {
      const page = random.below(pagesOf(file));
      return file.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    },
  },
  {
    name: 'random bytes in the meta pages',
    // The second half of each page has nothing in it.
    apply: (file, random) => {
      const page = random.below(2) * PAGE_BYTES;
      return scribble(file, random, page, page + 168);
    },
  },
  { name: 'random bytes anywhere', apply: (file, random) => scribble(file, random, 0, file.length) },
  {
    name: 'random bytes in the head of a page',
    apply(file, random) {
      const page = (2 + random.below(pagesOf(file) - 2)) * PAGE_BYTES;
      return scribble(file, random, page, page + 64);
    },
  },
  {
    name: 'a bit of a page’s head turned',
    apply(file, random) {
      const at = (2 + random.below(pagesOf(file) - 2)) * PAGE_BYTES + random.below(64);
      file.writeUInt8(file.readUInt8(at) ^ (1 << random.below(8)), at);
      return file;
    },
  },
  {
    name: 'two pages swapped',
    apply(file, random) {
      const [a, b] = [random.below(pagesOf(file)) * PAGE_BYTES, random.below(pagesOf(file)) * PAGE_BYTES];
      const first = Buffer.from(file.subarray(a, a + PAGE_BYTES));
      file.copyWithin(a, b, b + PAGE_BYTES);
      first.copy(file, b);
      return file;
    },
  },
  { name: 'empty', apply: () => Buffer.alloc(0) },
  {
    name: 'a file of another format',
    apply(file, random) {
      const header = random.pick(['SQLite format 3\0', '\x89PNG\r\n\x1a\n', '{"json": true}', 'PK\x03\x04']);
      const bytes = Buffer.from(header.repeat(Math.ceil(file.length / header.length)), 'latin1');
      return bytes.subarray(0, file.length);
    },
  },
];
