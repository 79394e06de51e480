import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from './seeded-random.js';

const HEAD_BYTES = 32;
const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

/** What a process did, as sync-shim.c has recorded it: see there. */
export interface JournalRecord {
  readonly kind: 'W' | 'D' | 'S' | 'T' | 'A';
  readonly number: number;
  readonly inode: number;
  readonly argument: number;
  readonly bytes: Buffer;
}

/** Why this machine cannot keep a journal; undefined when it can. */
export function whyNoJournal(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux, for its LD_PRELOAD shim';
  const path = process.env['PATH']?.split(':') ?? [];
  return path.some((folder) => existsSync(join(folder, 'cc'))) ? undefined : 'needs cc, to compile its shim';
}

/** Compiles the shim into a folder. Answers the environment of a process to be recorded. */
export function journalEnv(
  folder: string,
  root: string,
  sync: 'true' | 'lie' = 'true',
): { readonly env: Record<string, string>; readonly file: string } {
  const shim = join(folder, 'sync-shim.so');
  execFileSync('cc', [
    '-O2',
    '-Wall',
    '-shared',
    '-fPIC',
    '-o',
    shim,
    fileURLToPath(new URL('../../src/sync-shim.c', import.meta.url)),
    '-ldl',
  ]);
  const file = join(folder, 'journal');
  return { file, env: { LD_PRELOAD: shim, SHIM_JOURNAL: file, SHIM_ROOT: root, SHIM_SYNC: sync } };
}

/** Reads a journal. A record that a kill has cut short is left out: what it stands for was not done. */
export function readJournal(bytes: Buffer): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const kind = String.fromCharCode(bytes.readUInt32LE(at));
    if (kind !== 'W' && kind !== 'D' && kind !== 'S' && kind !== 'T' && kind !== 'A')
      throw new Error(`no journal at byte ${at}`);
    const end = at + HEAD_BYTES + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) break;
    records.push({
      kind,
      number: Number(bytes.readBigUInt64LE(at + 8)),
      inode: Number(bytes.readBigUInt64LE(at + 16)),
      argument: Number(bytes.readBigUInt64LE(at + 24)),
      bytes: bytes.subarray(at + HEAD_BYTES, end),
    });
    at = end;
  }
  return records;
}

/** One file on a disk that is told when to be durable. */
export interface Disk {
  apply(record: JournalRecord): void;
  /** The file after a power cut now: all that is durable, and of what else was written each piece with a
   *  probability of `kept`, torn at the borders of sectors or pages. */
  cut(kept: number, random: SeededRandom): Buffer;
  /** Whether something written is not durable. */
  readonly isPending: boolean;
}

/** The file of one inode, empty at first. */
export function openDisk(inode: number): Disk {
  let durable = Buffer.alloc(0);
  let size = 0;
  let pending: JournalRecord[] = [];
  const reserve = (end: number) => {
    if (end > durable.length) durable = Buffer.concat([durable], Math.max(end, durable.length * 2));
  };
  const settle = (isDurable: (record: JournalRecord) => boolean) => {
    pending = pending.filter((record) => {
      if (!isDurable(record)) return true;
      const end = record.argument + record.bytes.length;
      reserve(end);
      record.bytes.copy(durable, record.argument);
      size = Math.max(size, end);
      return false;
    });
  };
  return {
    get isPending() {
      return pending.length > 0;
    },
    apply(record) {
      if (record.inode !== inode) return;
      if (record.kind === 'W') pending.push(record);
      else if (record.kind === 'D') settle(({ number }) => number === record.argument);
      else if (record.kind === 'S') settle(({ number }) => number < record.argument);
      else if (record.kind === 'T') {
        reserve(record.argument);
        durable.fill(0, record.argument);
        size = record.argument;
      }
    },
    cut(kept, random) {
      const end = Math.max(size, ...pending.map(({ argument, bytes }) => argument + bytes.length));
      const image = Buffer.concat([durable.subarray(0, size)], end);
      const unit = random.pick([SECTOR_BYTES, PAGE_BYTES]);
      let imageEnd = size;
      for (const { argument, bytes } of pending) {
        for (let at = 0; at < bytes.length; ) {
          const next = Math.min(bytes.length, at + unit - ((argument + at) % unit));
          if (random.chance(kept)) {
            bytes.copy(image, argument + at, at, next);
            imageEnd = Math.max(imageEnd, argument + next);
          }
          at = next;
        }
      }
      return image.subarray(0, imageEnd);
    },
  };
}
