/** Crashes, for as long as one likes: see USAGE. */
import { parseArgs } from 'node:util';
import { newSeed, type SeededRandom, seededRandom } from '@chatsessions/test-harness';
import { whyNoJournal } from './journal.js';
import { type PowerCutResult, powerCuts } from './power-cuts.js';
import { crashRounds, type RoundsResult } from './rounds.js';
import { embeddedTarget, ferretdbTarget, NoSuchServerError, type Target } from './targets.js';

const USAGE = `Usage: npm run crash -- [options]

kill -9 at random moments under 64 clients that open sessions, then power cuts of the embedded server.
The exit code is 1 when anything acknowledged was lost, anything is there twice, or the
service did not come back.

Options:
  --rounds <n>       kill -9 rounds on each server (default 100)
  --server <name>    embedded, ferretdb or both (default both)
  --power-cuts <n>   power cuts of the embedded server (default 200)
  --seed <n>         repeats the moments of an earlier run
  --help             this text
`;

/** Cuts that are made from the journal of one time under load. */
const CUTS_OF_A_LOAD = 50;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    server: { type: 'string', default: 'both' },
    'power-cuts': { type: 'string', default: '200' },
    seed: { type: 'string', default: String(newSeed()) },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) process.stdout.write(USAGE);
else {
  // What is up is taken down by handlers of `exit`.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  process.exit(await crash());
}

async function crash(): Promise<number> {
  const seed = whole('seed');
  console.log(`seed ${seed}`);
  const isSafeFromKills = await killAll(whole('rounds'), seed);
  const isSafeFromCuts = await cutAll(whole('power-cuts'), seed);
  return isSafeFromKills && isSafeFromCuts ? 0 : 1;
}

/** Answers whether nothing was lost, nothing is there twice, and the service always came back. */
async function killAll(rounds: number, seed: number): Promise<boolean> {
  const servers = values.server === 'both' ? ['embedded', 'ferretdb'] : [values.server];
  const rows: Record<string, object> = {};
  let isSafe = true;
  for (const server of rounds > 0 ? servers : []) {
    const random = seededRandom(seed);
    console.log(`${server}: ${rounds} rounds of kill -9`);
    let target: Target;
    try {
      target = await targetOf(server, random);
    } catch (error) {
      if (!(error instanceof NoSuchServerError)) throw error;
      console.log(`skipped: ${server} (${error.message})`);
      continue;
    }
    try {
      const result = await crashRounds(target, { rounds, random, print: console.log });
      rows[server] = rowOf(result);
      isSafe &&= result.lost === 0 && result.duplicated === 0 && result.stuck === 0;
    } finally {
      await target.close();
    }
  }
  if (Object.keys(rows).length > 0) console.table(rows);
  return isSafe;
}

function targetOf(server: string, random: SeededRandom): Promise<Target> {
  if (server === 'embedded') return embeddedTarget();
  if (server === 'ferretdb') return ferretdbTarget(random);
  throw new Error('--server is embedded, ferretdb or both');
}

function rowOf({ openAgainMs, ...counts }: RoundsResult): object {
  const sorted = openAgainMs.map(Math.round).sort((a, b) => a - b);
  const [min, median, max] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  return { ...counts, 'open again, ms (min / median / max)': `${min} / ${median} / ${max}` };
}

/** Answers whether nothing was lost. */
async function cutAll(cuts: number, seed: number): Promise<boolean> {
  if (cuts === 0) return true;
  const reason = whyNoJournal();
  if (reason !== undefined) {
    console.log(`skipped: power cuts (${reason})`);
    return true;
  }
  console.log(`embedded: ${cuts} power cuts, then as many with a disk that lies about syncs`);
  const random = seededRandom(seed);
  const synced = await cutInParts(cuts, random, 'true');
  const lying = await cutInParts(cuts, random, 'lie');
  console.table({ 'power cuts': countsOf(synced), 'without syncs': countsOf(lying) });
  for (const line of synced.broken) console.log(line);
  // Without syncs all must be lost, or the cuts would show nothing.
  return synced.lost === 0 && synced.broken.length === 0 && lying.lost > 0;
}

async function cutInParts(cuts: number, random: SeededRandom, sync: 'true' | 'lie'): Promise<PowerCutResult> {
  let [done, acknowledged, lost, torn] = [0, 0, 0, 0];
  const broken: string[] = [];
  while (done < cuts) {
    const part = await powerCuts({
      cuts: Math.min(CUTS_OF_A_LOAD, cuts - done),
      loadMs: 3_000,
      random,
      sync,
    });
    done += part.cuts;
    acknowledged += part.acknowledged;
    lost += part.lost;
    torn += part.torn;
    broken.push(...part.broken);
    console.log(`  ${done} of ${cuts} ${sync === 'lie' ? 'cuts without syncs' : 'cuts'}: ${lost} lost`);
  }
  return { cuts, acknowledged, lost, torn, broken };
}

function countsOf({ broken, ...counts }: PowerCutResult): object {
  return { ...counts, broken: broken.length };
}

function whole(name: 'rounds' | 'power-cuts' | 'seed'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}
