/** Crashes, for as long as one likes: see USAGE. */
import { parseArgs } from 'node:util';
import { exitOnSignals, newSeed, type SeededRandom, seededRandom } from '@chatsessions/test-harness';
import { crashRounds, type RoundsResult } from './rounds.js';
import { embeddedTarget, ferretdbTarget, NoSuchServerError, type Target } from './targets.js';

const USAGE = `Usage: npm run crash -- [options]

Kills the service's server with SIGKILL at random moments while 64 clients open sessions. The exit code is 1 when
anything acknowledged was lost, anything is there twice, or the service did not come back. Power cuts of the embedded
server: npm run power-cuts.

Options:
  --rounds <n>       kill -9 rounds on each server (default 100)
  --server <name>    embedded, ferretdb or both (default both)
  --seed <n>         repeats the moments of an earlier run
  --help             this text
`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    server: { type: 'string', default: 'both' },
    seed: { type: 'string', default: String(newSeed()) },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) process.stdout.write(USAGE);
else {
  // What is up is taken down by handlers of `exit`.
  exitOnSignals();
  process.exit(await crash());
}

async function crash(): Promise<number> {
  const seed = whole('seed');
  console.log(`seed ${seed}`);
  return (await killAll(whole('rounds'), seed)) ? 0 : 1;
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

function whole(name: 'rounds' | 'seed'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}
