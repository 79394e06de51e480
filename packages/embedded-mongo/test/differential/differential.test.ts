import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { type ServerKind, serverKind, suite, tempDir } from '@chatsessions/test-harness';
import fc from 'fast-check';
import { type Db, MongoClient } from 'mongodb';
import { startEmbeddedMongo } from '../../src/index.js';
import { differences, leftOut } from './differences.js';
import { type Operation, sequences } from './operations.js';
import { contents, type Outcome, run, show } from './run.js';

const RUNS = Number(process.env['DIFFERENTIAL_RUNS'] ?? 2_000);
const SEED = Number(process.env['DIFFERENTIAL_SEED'] ?? seedOfCommit());
/** Sequences at a time: each lane has a seed of its own, so that a run can be had again. */
const LANES = 6;
const LIMIT_MS = 600_000;

const test = suite('differential', { fileTimeoutMs: LIMIT_MS + 60_000 });
const uri = process.env['MONGODB_URI'];
const name = `${RUNS} sequences of operations have the same outcomes on both servers`;

if (uri) test(name, () => compare(uri), { timeoutMs: LIMIT_MS });
else
  test.skip(name, 'it compares the embedded server with the one that MONGODB_URI names, and it names none');

async function compare(otherUri: string): Promise<void> {
  console.log(`  DIFFERENTIAL_SEED=${SEED} DIFFERENTIAL_RUNS=${RUNS}`);
  for (const { name, reason } of leftOut) console.log(`  left out: ${name} (${reason})`);
  const [embedded, other] = await Promise.all([openEmbedded(), openServer(otherUri)]);
  const database = `differential_${randomBytes(8).toString('hex')}`;
  const met = new Map<string, number>();
  try {
    const check = createCheck(embedded.client.db(database), other, other.client.db(database), met);
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      fc.check(fc.asyncProperty(sequences, check), {
        seed: SEED + lane,
        numRuns: Math.floor(RUNS / LANES) + (lane < RUNS % LANES ? 1 : 0),
        // A failure is made small within this time too.
        interruptAfterTimeLimit: LIMIT_MS - 30_000,
        markInterruptAsFailure: true,
      }),
    );
    const results = await Promise.all(lanes);
    const done = results.reduce((sum, { numRuns }) => sum + numRuns, 0);
    const known = [...met].map(([difference, count]) => `${difference}: ${count}`).join('; ');
    console.log(
      `  ${done} sequences on embedded and ${other.kind} ${other.version}; known differences: ${known || 'none'}`,
    );
    const failures = results
      .filter(({ failed }) => failed)
      .map(describe)
      .sort((a, b) => a.length - b.length);
    if (failures.length > 0)
      throw new Error(`${failures.length} of ${LANES} lanes failed:\n${failures.join('\n')}`);
    await other.client.db(database).dropDatabase();
  } finally {
    await Promise.all([embedded.close(), other.close()]);
  }
}

interface Server {
  readonly kind: ServerKind;
  readonly version: string;
  readonly client: MongoClient;
  close(): Promise<void>;
}

/** A client whose writes a majority acknowledges, as the service's are. */
async function openServer(uri: string): Promise<Server> {
  const client = new MongoClient(uri, {
    writeConcern: { w: 'majority' },
    readConcern: { level: 'majority' },
  });
  return { ...(await serverKind(client)), client, close: () => client.close() };
}

async function openEmbedded(): Promise<Server> {
  const embedded = await startEmbeddedMongo({ dataDir: await tempDir() });
  const server = await openServer(embedded.uri);
  const close = async () => {
    await server.close();
    await embedded.close();
  };
  return { ...server, close };
}

/** Runs one sequence on both servers, each time on new collections. */
function createCheck(mine: Db, other: Pick<Server, 'kind'>, theirs: Db, met: Map<string, number>) {
  let count = 0;
  return async (sequence: readonly Operation[]): Promise<void> => {
    const collection = `s${count++}`;
    try {
      await runOnBoth(sequence, collection);
    } finally {
      // One by one: thousands of them at the end are more than FerretDB can drop at once.
      await theirs.dropCollection(collection);
    }
  };

  async function runOnBoth(sequence: readonly Operation[], collection: string): Promise<void> {
    const both = <T>(body: (db: Db) => Promise<T>) => Promise.all([body(mine), body(theirs)]);
    for (const [step, operation] of sequence.entries()) {
      const [embedded, others] = await both((db) => run(db, collection, operation));
      if (embedded === others) continue;
      const known = differences.find(
        ({ server, applies }) =>
          (server === 'any' || server === other.kind) && applies(operation, embedded, others),
      );
      if (!known) throw new Difference(`operation ${step + 1}`, embedded, others);
      met.set(known.name, (met.get(known.name) ?? 0) + 1);
    }
    const [embedded, others] = await both((db) => contents(db, collection));
    if (embedded !== others) throw new Difference('what is stored in the end', embedded, others);
  }
}

class Difference extends Error {
  constructor(where: string, embedded: Outcome, other: Outcome) {
    super(`${where} differs\n    embedded: ${embedded}\n    other:    ${other}`);
  }
}

/** A failed lane: the smallest sequence that shows the difference, one operation a line. */
function describe({
  counterexample,
  errorInstance,
  seed,
  interrupted,
}: fc.RunDetails<[readonly Operation[]]>): string {
  const [sequence] = counterexample ?? [];
  if (!sequence) return `seed ${seed}: ${interrupted ? 'not done in time' : errorInstance}`;
  const lines = sequence.map((operation, i) => `    ${i + 1}. ${show(operation)}`);
  const text = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `seed ${seed}: ${text}\n${lines.join('\n')}`;
}

/** The same commit gets the same sequences, and so the same verdict; the next one tries others. */
function seedOfCommit(): number {
  try {
    const hash = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(hash.toString().slice(0, 7), 16);
  } catch {
    return randomInt(2 ** 31);
  }
}
