import { once } from 'node:events';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { SeededRandom } from '@chatsessions/test-harness';
import { type JournalRecord, journalEnv, openDisk, readJournal, tempDir } from '@chatsessions/test-harness';
import { deserialize, serialize } from 'bson';
import { forkEmbedded } from './fork-embedded.js';
import { imageOpener } from './image-opener.js';

const OP_MSG = 2013;
const CLIENTS = 8;
/** Rows of each client: few enough that pages are freed and used again. */
const ROWS_OF_A_CLIENT = 60;
const DELETED = -1;

/** How power cuts are made. */
export interface PowerCutOptions {
  readonly cuts: number;
  /** How long the server is under load, in ms. The cuts are made from the journal of that time. */
  readonly loadMs: number;
  readonly random: SeededRandom;
  /** `lie`: syncs do nothing, as with a server that does not sync. */
  readonly sync?: 'true' | 'lie';
}

/** The result of power cuts. */
export interface PowerCutResult {
  readonly cuts: number;
  /** Writes acknowledged before a cut, over all cuts. */
  readonly acknowledged: number;
  /** Rows, over all cuts, that are not as acknowledged. */
  readonly lost: number;
  /** Cuts after which the file could not be opened or read, and why. */
  readonly broken: readonly string[];
  /** Cuts while something written was not durable. */
  readonly torn: number;
}

/** A write: from its acknowledgement on, row `id` has this version, or is deleted. */
interface Write {
  readonly id: number;
  readonly version: number;
}

/**
 * Cuts the power of an embedded server.
 *
 * After kill -9 the kernel still has what was written, so that it does not show what is on disk. A shim in the server's
 * process therefore journals its writes, syncs and answers, in one order. A cut is a place in that journal: the file then
 * has all that was synced before, and random pieces of what was not. A new server on that file must find every write
 * that was answered before the cut.
 */
export async function powerCuts({
  cuts,
  loadMs,
  random,
  sync = 'true',
}: PowerCutOptions): Promise<PowerCutResult> {
  const folder = await tempDir();
  const dataDir = join(folder, 'data');
  await mkdir(dataDir);
  const journal = journalEnv(folder, dataDir, sync);
  const writes = await load(dataDir, journal.env, loadMs, random);
  const file = join(dataDir, 'embedded/data.mdb');
  const records = readJournal(await readFile(journal.file));
  const { ino } = await stat(file);
  await assertComplete(records, ino, file);

  // Before its first answer a folder has no FORMAT yet, and the next start makes the data file anew.
  const begun = records.findIndex(({ kind }) => kind === 'A');
  const places = Array.from({ length: cuts }, () => begun + random.below(records.length - begun));
  places.sort((a, b) => a - b);
  const disk = openDisk(ino);
  const versions = versionsOf(writes);
  const settled = new Map<number, number>();
  const opener = imageOpener(join(folder, 'cut'));
  let [at, acknowledged, lost, torn] = [0, 0, 0, 0];
  let acknowledgedSoFar = 0;
  const broken: string[] = [];
  try {
    for (const place of places) {
      for (; at < place; at++) {
        const record = records[at];
        if (!record) break;
        disk.apply(record);
        for (const write of acknowledgedBy(record, writes)) {
          settled.set(write.id, write.version);
          acknowledgedSoFar++;
        }
      }
      acknowledged += acknowledgedSoFar;
      if (disk.isPending) torn++;
      // Without syncs nothing is ever durable, so that random pieces would prove nothing.
      const kept = sync === 'lie' ? 0 : random.pick([0, 0.1, 0.5, 0.9, 1]);
      const found = await opener.open(disk.cut(kept, random));
      if (found.kind === 'broken') {
        broken.push(`cut ${place} of ${records.length}, ${kept} kept: ${found.message}`);
        if (settled.size > 0) lost += settled.size;
      } else lost += lostOf(settled, versions, new Map(found.versions));
    }
  } finally {
    opener.close();
    await rm(folder, { recursive: true, force: true });
  }
  return { cuts, acknowledged, lost, broken, torn };
}

/** Applies the whole journal. The result must be the file, or the shim misses a way of writing. */
async function assertComplete(records: readonly JournalRecord[], inode: number, file: string): Promise<void> {
  const disk = openDisk(inode);
  for (const record of records) disk.apply(record);
  disk.apply({ kind: 'S', number: 0, inode, argument: Number.POSITIVE_INFINITY, bytes: Buffer.alloc(0) });
  const whole = disk.cut(1, { below: () => 0, chance: () => true, pick: ([first]) => first as never });
  if (!whole.equals(await readFile(file))) throw new Error('the journal is not all that was written');
}

function* acknowledgedBy(
  { kind, bytes }: JournalRecord,
  writes: ReadonlyMap<number, Write>,
): Generator<Write> {
  if (kind !== 'A') return;
  for (let at = 0; at + 21 <= bytes.length && bytes.readInt32LE(at + 12) === OP_MSG; ) {
    const length = bytes.readInt32LE(at);
    const write = writes.get(bytes.readInt32LE(at + 8));
    const reply = deserialize(bytes.subarray(at + 21, at + length));
    if (write) {
      if (reply['ok'] !== 1 || reply['n'] !== 1)
        throw new Error(`a write was answered ${JSON.stringify(reply)}`);
      yield write;
    }
    at += length;
  }
}

/** The versions of each row, in their order. */
function versionsOf(writes: ReadonlyMap<number, Write>): ReadonlyMap<number, readonly number[]> {
  const versions = new Map<number, number[]>();
  for (const { id, version } of writes.values()) {
    const all = versions.get(id) ?? [];
    all.push(version);
    versions.set(id, all);
  }
  return versions;
}

/** How many rows are neither as acknowledged nor as the next write, which may have been in flight, made them. */
function lostOf(
  settled: ReadonlyMap<number, number>,
  versions: ReadonlyMap<number, readonly number[]>,
  found: ReadonlyMap<number, number>,
): number {
  let lost = 0;
  for (const [id, version] of settled) {
    const all = versions.get(id) ?? [];
    const next = all[all.indexOf(version) + 1];
    const is = found.get(id);
    const isThere = (one: number | undefined) =>
      one !== undefined && (one < 0 ? is === undefined : is === one);
    if (!isThere(version) && !isThere(next)) lost++;
  }
  return lost;
}

/** Runs a server under load, and kills it. @returns the writes by their request id */
async function load(
  dataDir: string,
  env: Record<string, string>,
  loadMs: number,
  random: SeededRandom,
): Promise<ReadonlyMap<number, Write>> {
  const server = await forkEmbedded(dataDir, { env });
  try {
    const writes = new Map<number, Write>();
    let lastRequest = 0;
    const deadline = performance.now() + loadMs;
    const admin = await opened(server.socketPath);
    await asked(admin, ++lastRequest, {
      createIndexes: 'rows',
      indexes: [{ key: { v: 1 }, name: 'v_1', unique: true }],
      $db: 'cut',
    });
    admin.destroy();

    let version = 0;
    const client = async (_: unknown, index: number): Promise<void> => {
      const socket = await opened(server.socketPath);
      const there = new Set<number>();
      while (performance.now() < deadline) {
        const id = index * ROWS_OF_A_CLIENT + random.below(ROWS_OF_A_CLIENT);
        const request = ++lastRequest;
        const pad = Buffer.alloc(random.pick([10, 300, 2_000, 9_000]));
        if (!there.has(id)) {
          const v = ++version;
          writes.set(request, { id, version: v });
          await asked(socket, request, { insert: 'rows', documents: [{ _id: id, v, pad }], $db: 'cut' });
          there.add(id);
        } else if (random.chance(0.3)) {
          writes.set(request, { id, version: DELETED - ++version });
          await asked(socket, request, {
            delete: 'rows',
            deletes: [{ q: { _id: id }, limit: 0 }],
            $db: 'cut',
          });
          there.delete(id);
        } else {
          const v = ++version;
          writes.set(request, { id, version: v });
          const updates = [{ q: { _id: id }, u: { v, pad } }];
          await asked(socket, request, { update: 'rows', updates, $db: 'cut' });
        }
      }
      socket.destroy();
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return writes;
  } finally {
    await server.kill9();
  }
}

async function opened(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

async function asked(socket: Socket, requestId: number, command: object): Promise<void> {
  const body = serialize(command);
  const head = Buffer.alloc(21);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(requestId, 4);
  head.writeInt32LE(OP_MSG, 12);
  socket.write(Buffer.concat([head, body]));
  await once(socket, 'data');
}
