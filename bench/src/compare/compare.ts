import { writeFile } from 'node:fs/promises';
import { count, file, flag, names, seconds, UsageError } from '../command/options.js';
import { definePart } from '../command/part.js';
import { thisMachine } from '../figures/machine.js';
import { alternate, type Contender } from '../figures/rounds.js';
import { grpcLoad } from '../load/grpc-generator.js';
import { httpLoad } from '../load/http-generator.js';
import { embeddedDatabase, type SharedDatabase, serverAt } from '../servers/database.js';
import { ENTRIES, type Entry, GROUPS } from './contenders.js';
import { databaseReport, formatReport, type Report } from './report.js';
import { type Loads, openScene } from './scene.js';

/** The rounds of `--quick`: enough to see that everything answers. */
const QUICK = { rounds: 1, seconds: 0.4 } as const;

/** Compares opens with what a team would write instead, and with what the platform allows. */
export const compare = definePart({
  name: 'compare',
  summary: 'opens of a session, beside what a team would write instead and what the platform allows',
  about: `
Starts the service, its peers (bench/src/peers) and the ceilings (bench/src/ceilings), each in a process of its own, on
one database: on the embedded server, and once more on MONGODB_URI when that is set. Calls them in turns, A B C A B C …, by
wrk and ghz where they are on the PATH, else by autocannon and a grpc-js client. Prints medians and spreads, the CPU time
of the server per request, and the ratios with their bars.

Groups and their contenders:
${listContenders()}`,
  options: {
    rounds: count('rounds of each contender, at least 5 to be worth anything', 7),
    seconds: seconds('length of a round, and of the warm-up', 3),
    connections: count('connections over HTTP, callers over gRPC', 64),
    only: names('contenders or groups of them', [...Object.keys(GROUPS), ...ENTRIES.map(({ id }) => id)]),
    json: file('writes the report there, too'),
    quick: flag('one round of 0.4 s of each; fails when something answers what it should not'),
  },
  async run({ rounds, seconds, connections, only, json, quick }) {
    const entries = ENTRIES.filter(({ id, group }) => !only || only.includes(id) || only.includes(group));
    const loads = { http: httpLoad(), grpc: await grpcLoad(), connections };
    try {
      return await compareAll(entries, loads, { ...(quick ? QUICK : { rounds, seconds }), json, quick });
    } finally {
      await loads.grpc.close();
    }
  },
});

interface CompareOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | undefined;
  readonly quick: boolean;
}

async function compareAll(
  entries: readonly Entry[],
  loads: Loads,
  { rounds, seconds, json, quick }: CompareOptions,
): Promise<number> {
  const uri = process.env['MONGODB_URI'];
  const opening = [embeddedDatabase, ...(uri ? [async () => serverAt(uri)] : [])];
  const turns = rounds + (quick ? 0 : 1);
  const minutes = (opening.length * entries.length * turns * seconds) / 60;
  say(`${entries.length} contenders, ${turns} turns of ${seconds} s: ${minutes.toFixed(1)} minutes or more`);

  const machine = thisMachine();
  const generators = { http: loads.http.name, grpc: loads.grpc.name };
  const options = { rounds, seconds, connections: loads.connections };
  let report: Report = {
    version: 1,
    measuredAt: new Date().toISOString(),
    ...{ machine, generators, options, databases: [] },
  };
  // Written before the measurement, so that a wrong path fails at once.
  await save(report, json);
  print(
    `${machine.cpus} × ${machine.cpu}, node ${machine.node}; load by ${generators.http} and ${generators.grpc}, ` +
      `${options.connections} connections; ${rounds} rounds of ${seconds} s`,
  );
  for (const open of opening) {
    const database = await open();
    try {
      const measured = await measure(database, entries, loads, { rounds, seconds, quick });
      report = { ...report, databases: [...report.databases, databaseReport(database.kind, measured)] };
    } finally {
      await database.close();
    }
    const latest = report.databases.at(-1);
    if (latest) print(`\n${formatReport(latest)}`);
    await save(report, json);
  }
  return quick ? complainOf(report) : 0;
}

async function save(report: Report, json: string | undefined): Promise<void> {
  if (json === undefined) return;
  try {
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--json ${json} cannot be written: ${reason}.`);
  }
}

/** Measures everything on one database. */
async function measure(
  database: SharedDatabase,
  entries: readonly Entry[],
  loads: Loads,
  { rounds, seconds, quick }: Omit<CompareOptions, 'json'>,
) {
  const scene = await openScene(database, loads);
  try {
    const contenders: (Contender & { readonly entry: Entry })[] = [];
    for (const entry of entries) {
      const contender = await entry.open(scene);
      contenders.push({ ...contender, run: quick ? untilAnswered(contender.run) : contender.run, entry });
    }
    const measured = await alternate(contenders, {
      rounds,
      ms: seconds * 1_000,
      warmUpMs: quick ? 0 : seconds * 1_000,
      onRound({ name }, { rate, unexpected }, number) {
        const when = number === 0 ? 'warm-up' : `round ${number} of ${rounds}`;
        const wrong = unexpected > 0 ? `  ${unexpected} unexpected` : '';
        say(`${database.kind}, ${when}: ${name.padEnd(32)} ${rate.toFixed(0).padStart(7)}/s${wrong}`);
      },
    });
    return new Map([...measured].map(([{ entry }, own]) => [entry, own]));
  } finally {
    await scene.close();
  }
}

/** Lists the contenders, a line per group. */
function listContenders(): string {
  return Object.keys(GROUPS)
    .map((group) => {
      const ids = ENTRIES.filter((entry) => entry.group === group).map(({ id }) => id);
      return `  ${group}: ${ids.join(', ')}`;
    })
    .join('\n');
}

/** Runs ten times longer when nothing was answered: a busy test machine may need it. */
function untilAnswered(run: Contender['run']): Contender['run'] {
  return async (ms) => {
    const result = await run(ms);
    return result.answers + result.unexpected > 0 ? result : run(ms * 10);
  };
}

/** Reports contenders with unexpected answers or none. @returns the exit code */
function complainOf({ databases }: Report): number {
  const wrong = databases.flatMap(({ database, contenders }) =>
    contenders
      .filter(({ answers, unexpected }) => answers === 0 || unexpected > 0)
      .map(
        ({ name, answers, unexpected }) =>
          `${database}: ${name}: ${answers} good answers, ${unexpected} others`,
      ),
  );
  for (const line of wrong) say(line);
  return wrong.length === 0 ? 0 : 1;
}

/** Prints progress on standard error, since standard output has the results. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
