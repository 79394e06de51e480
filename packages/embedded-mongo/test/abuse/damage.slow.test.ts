import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  closeClient,
  newSeed,
  type SeededRandom,
  seededRandom,
  suite,
  tempDir,
} from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { type EmbeddedProcess, forkEmbedded, NotStartedError } from '../crash/fork-embedded.js';
import { type Damage, damages } from './damage.js';

/** Damaged files in all; more with DAMAGED_FILES. */
const FILES = Number(process.env['DAMAGED_FILES'] ?? 30);
const ROWS = 3_000;
const SENTENCE = /^[^\n]+\.\n$/;

const seed = Number(process.env['DAMAGE_SEED'] ?? newSeed());
const test = suite('damaged data files', { fileTimeoutMs: 120_000 + FILES * 5_000 });

interface Row {
  readonly _id: number;
  readonly k: string;
  readonly at: Date;
  readonly pad: string;
}

let origin = '';
let data = Buffer.alloc(0);

const newRow = (_id: number): Row => ({ _id, k: `k${_id % 97}`, at: new Date(_id), pad: 'x'.repeat(300) });

test.before(
  async () => {
    origin = await tempDir();
    const server = await forkEmbedded(origin);
    await withRows(server, async (rows) => {
      await rows.createIndex({ k: 1, at: -1 });
      await rows.createIndex({ at: 1 });
      // One by one in part, so that pages are freed and used again.
      await rows.insertMany(Array.from({ length: ROWS }, (_, id) => newRow(id)));
      for (let id = 0; id < 200; id++)
        await rows.replaceOne({ _id: id }, { ...newRow(id), at: new Date(-id) });
    });
    await server.close();
    data = await readFile(join(origin, 'embedded/data.mdb'));
  },
  { timeoutMs: 90_000 },
);

test(
  `${FILES} of them: the server serves, or says why not`,
  async () => {
    console.log(`  damage seed ${seed}, ${data.length >> 12} pages`);
    const random = seededRandom(seed);
    const counts = new Map<string, number>();
    const wrong: string[] = [];
    for (let n = 0; n < FILES; n++) {
      const damage = damages[n % damages.length];
      if (!damage) continue;
      const outcome = await outcomeOf(damage, random);
      const kind = outcome.split(':', 1)[0] ?? '';
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (kind !== 'served' && kind !== 'refused') wrong.push(`file ${n}, ${damage.name}: ${outcome}`);
    }
    console.log(`  ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
    assert.equal(wrong, []);
  },
  { timeoutMs: 60_000 + FILES * 5_000 },
);

/** The outcome of a start on damaged data: `served` and `refused` are right, anything else is wrong. */
async function outcomeOf(damage: Damage, random: SeededRandom): Promise<string> {
  const dataDir = join(await tempDir(), 'data');
  await mkdir(join(dataDir, 'embedded'), { recursive: true });
  await copyFile(join(origin, 'embedded/FORMAT'), join(dataDir, 'embedded/FORMAT'));
  await writeFile(join(dataDir, 'embedded/data.mdb'), damage.apply(Buffer.from(data), random));
  let server: EmbeddedProcess | undefined;
  try {
    server = await forkEmbedded(dataDir);
    await use(server, random);
    // A write that did harm may show at a later one; which answers came is not the question here.
    return server.end() === undefined ? 'served' : `ended with ${server.end()}`;
  } catch (error) {
    if (!(error instanceof NotStartedError)) throw error;
    if (error.end === 1 && SENTENCE.test(error.stderr)) return 'refused';
    return `ended with ${error.end}: ${error.stderr.slice(0, 600)}`;
  } finally {
    await server?.kill9();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Reads, replaces and inserts rows. Whatever the answers, the process must stay. */
async function use(server: EmbeddedProcess, random: SeededRandom): Promise<void> {
  await withRows(server, async (rows) => {
    for (let round = 0; round < 4; round++) {
      const work = Array.from({ length: 8 }, (_, n) => {
        const id = random.below(ROWS);
        return [
          rows.insertOne(newRow(ROWS + round * 8 + n)),
          rows.replaceOne({ _id: id }, newRow(id)),
          rows.find({ k: `k${id % 97}` }, { sort: { at: -1 }, limit: 20 }).toArray(),
        ];
      });
      await Promise.allSettled(work.flat());
    }
  });
}

async function withRows(
  { socketPath }: EmbeddedProcess,
  body: (rows: ReturnType<typeof rowsOf>) => Promise<void>,
): Promise<void> {
  const client = new MongoClient(`mongodb://${encodeURIComponent(socketPath)}/?directConnection=true`, {
    serverSelectionTimeoutMS: 2_000,
  });
  try {
    await body(rowsOf(client));
  } finally {
    await closeClient(client);
  }
}

const rowsOf = (client: MongoClient) => client.db('d').collection<Row>('rows');
