/** Power cuts of the embedded server, for as long as one likes: see USAGE. */
import { parseArgs } from 'node:util';
import {
  exitOnSignals,
  newSeed,
  type SeededRandom,
  seededRandom,
  whyNoJournal,
} from '@chatsessions/test-harness';
import { type PowerCutResult, powerCuts } from './power-cuts.js';

const USAGE = `Usage: npm run power-cuts -- [options]

Cuts the power of an embedded server under load, then as often with a disk that does not sync. The exit code is 1 when
anything acknowledged was lost, or when the disk that does not sync loses nothing: then the cuts would prove nothing.

Options:
  --cuts <n>   power cuts of each kind (default 200)
  --seed <n>   repeats the moments of an earlier run
  --help       this text
`;

/** How many cuts share the journal of one load. */
const CUTS_OF_A_LOAD = 50;

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(newSeed()) },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) process.stdout.write(USAGE);
else {
  // The servers under test are ended by handlers of `exit`.
  exitOnSignals();
  process.exit((await cutAll(whole('cuts'), whole('seed'))) ? 0 : 1);
}

/** Whether nothing acknowledged was lost. */
async function cutAll(cuts: number, seed: number): Promise<boolean> {
  const reason = whyNoJournal();
  if (reason !== undefined) {
    console.log(`skipped: power cuts (${reason})`);
    return true;
  }
  console.log(`seed ${seed}: ${cuts} power cuts, then as many with a disk that does not sync`);
  const random = seededRandom(seed);
  const synced = await cutInParts(cuts, random, 'true');
  const lying = await cutInParts(cuts, random, 'lie');
  console.table({ 'power cuts': countsOf(synced), 'without syncs': countsOf(lying) });
  for (const line of synced.broken) console.log(line);
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

function whole(name: 'cuts' | 'seed'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}
