import { count, file, flag, names, type Option, seconds, UsageError } from '../command/options.js';
import { definePart } from '../command/part.js';
import { type Entry, measuredHere, openResultsFile } from '../figures/results-file.js';
import { httpLoad } from '../load/http-generator.js';
import { databasesOf } from '../servers/place.js';
import { CONNECTIONS, type Curve } from './curve.js';
import { pointTable } from './point-table.js';
import { connections, intents, variables } from './request-curves.js';
import { stored } from './stored.js';
import { tenants } from './tenants.js';
import type { Point } from './turns.js';

const CURVES: readonly Curve[] = [connections, intents, variables, tenants, stored];
/** The length of rounds and warm-up of a quick run, and of the usual warm-up, in ms. */
const QUICK_MS = 1_000;
const WARM_UP_MS = 4_000;

/** The entry of a curve in a results file. */
interface CurveEntry extends Entry {
  readonly points: readonly Point[];
}

/** Measures what an open costs as work grows. */
export const scaling = definePart({
  name: 'scaling',
  summary: 'what an open costs as connections, stored conversations, tenants, … grow',
  about: `
Measures opens on the public path of a service in a process of its own, on the embedded server or on the one that
MONGODB_URI names. The points of a curve take turns; its figures are medians over the rounds. Curves:
${CURVES.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

Printed and written are rates (1/s; rateToFirst and ratio as shares within a round), p50 and p99 (ms), cpu (CPU time of
the server per call, µs), memory (RssAnon, MiB), firstOpen (from the start until the first answer, ms). All of it takes
some 20 minutes, and 30 more with 5 million stored conversations. On MONGODB_URI its databases are called
scal_…; an interrupted run leaves them behind.`,
  options: {
    only: names(
      'the curves to measure (all)',
      CURVES.map(({ name }) => name),
    ),
    rounds: count('rounds', 7),
    seconds: seconds('length of a round', 3),
    stored: levels('numbers of stored conversations, such as 0,10000,100000'),
    'fill-minutes': count('how long storing them may take in all', 120),
    json: file('a file for the figures, written as they come; what it has of other curves stays'),
    quick: flag('one short round of a few points: shows that it works'),
  },
  async run(values) {
    const { only, json, quick } = values;
    const [rounds, ms] = quick ? [1, QUICK_MS] : [values.rounds, values.seconds * 1_000];
    const chosen = CURVES.filter(({ name }) => only?.includes(name) ?? true);
    const results = await openResultsFile<CurveEntry>(json, 'scaling');
    const databases = await databasesOf(process.env);
    const load = httpLoad();
    console.log(`${databases.name}; load by ${load.name}; ${rounds} rounds of ${ms / 1_000} s`);

    let failures = 0;
    for (const { name, measure } of chosen) {
      let measured: readonly Point[] = [];
      const onFailure = (where: string, error: unknown) => {
        failures++;
        console.log(`${name} ${where}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
      };
      const study = {
        ...{ databases, load, rounds, ms, isQuick: quick, stored: values.stored, onFailure },
        warmUpMs: quick ? QUICK_MS : WARM_UP_MS,
        fillMs: values['fill-minutes'] * 60_000,
        skip: (why: string) => console.log(`${name}: skipped: ${why}`),
        print: (line: string) => console.error(line),
        async record(points: readonly Point[]) {
          measured = points;
          const here = { ...measuredHere(), load: load.name, rounds, seconds: ms / 1_000 };
          const how = name === connections.name ? here : { ...here, connections: CONNECTIONS };
          await results.put({ name, database: databases.name, measured: how, points });
        },
      };
      // A curve that fails does not stop the others.
      await measure(study).catch((error: unknown) => onFailure('as a whole', error));
      if (measured.length > 0) console.log(`\n${name}, ${databases.name}\n${pointTable(measured)}`);
    }
    if (failures > 0) console.log(`${failures} measures failed; what was measured is kept`);
    return failures > 0 ? 1 : 0;
  },
});

/** An option whose value is a list of whole numbers. */
function levels(about: string): Option<readonly number[] | undefined> {
  return {
    about,
    placeholder: '<n,…>',
    read(text, name) {
      const numbers = text?.split(',').map((part) => (/^\d{1,12}$/.test(part) ? Number(part) : Number.NaN));
      if (numbers?.some(Number.isNaN)) {
        throw new UsageError(
          `--${name} must be whole numbers with commas between them, not ${JSON.stringify(text)}.`,
        );
      }
      return numbers;
    },
  };
}
