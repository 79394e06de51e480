import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { count, file } from '../command/options.js';
import { definePart } from '../command/part.js';
import { type Entry, measuredHere, openResultsFile } from '../figures/results-file.js';
import { repoFile } from '../repo-file.js';
import { shop } from '../scaling/catalogue.js';
import { addShops } from '../scaling/curve.js';
import { fill } from '../scaling/fill.js';
import { openRequest, sendOnce } from '../scaling/opens.js';
import { pointTable } from '../scaling/point-table.js';
import { inTurns, type Metrics, type Point } from '../scaling/turns.js';
import { databasesOf, type Place, withPlace, withService } from '../servers/place.js';

const SHOPS = Array.from({ length: 50 }, (_, number) => shop(number));

/** The entry of a run in a results file. */
interface ColdStartEntry extends Entry {
  /** By the number of stored conversations. */
  readonly points: readonly Point[];
}

/** Measures how long a start takes. */
export const coldStart = definePart({
  name: 'cold-start',
  summary: 'time from the start of a process to its first open, on an empty and on a filled database',
  about: `
Starts the service in a new process, on an empty database and on a filled one in turns, and opens a session as soon as it
says that it is up. Prints and writes, in ms since the start of the process: modules (loaded, in a process of their own),
database (the embedded server's socket is there), listening, firstOpen. The database is the embedded server, or the one
that MONGODB_URI names. The files are in the page cache by then.`,
  options: {
    starts: count('starts of each', 7),
    conversations: count('conversations in the filled database', 100_000),
    json: file('a file for the figures; what it has of other databases stays'),
  },
  async run({ starts, conversations, json }) {
    const results = await openResultsFile<ColdStartEntry>(json, 'cold-start');
    const databases = await databasesOf(process.env);
    const measured = { ...measuredHere(), rounds: starts };
    const print = (line: string) => console.error(line);
    let failures = 0;
    const points = await withPlace(databases, async (filled) => {
      await withService(filled, () => fillPlace(filled, conversations, print));
      return inTurns({
        xs: [0, conversations],
        rounds: starts,
        async measure(x, round) {
          const metrics = x === 0 ? await withPlace(databases, startOnce) : await startOnce(filled);
          const times = Object.entries(metrics).map(([name, ms]) => `${name} ${Math.round(ms)}`);
          print(
            `${x} conversations, ${round === 0 ? 'warm-up' : `start ${round} of ${starts}`}, ms: ${times.join(', ')}`,
          );
          return metrics;
        },
        onFailure(where, error) {
          failures++;
          print(`${where}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
        },
        onRound: (soFar) =>
          results.put({ name: 'cold-start', database: databases.name, measured, points: soFar }),
      });
    });
    console.log(`by stored conversations, ${databases.name}, ms\n${pointTable(points)}`);
    return failures > 0 ? 1 : 0;
  },
});

async function fillPlace(
  place: Place,
  conversations: number,
  onProgress: (line: string) => void,
): Promise<void> {
  await addShops(place, SHOPS);
  const database = await place.open();
  const history = { shops: SHOPS, total: conversations, end: Date.now() };
  await fill(database, { history, from: 0, to: conversations, onProgress }).finally(() => database.close());
}

/** Starts a process and opens a session. @returns the time of each step in ms */
async function startOnce(place: Place): Promise<Metrics> {
  const before = performance.now();
  // Only the command serve loads the service; `--version` does not.
  const modulesOfServe = pathToFileURL(repoFile('dist/src/cli/serve.js')).href;
  await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    `import '${modulesOfServe}'`,
  ]);
  const modules = performance.now() - before;

  const beganAt = Date.now();
  const began = performance.now();
  return withService(place, async (server) => {
    const listening = performance.now() - began;
    await sendOnce(server, openRequest());
    const firstOpen = performance.now() - began;
    const database = place.socket === undefined ? {} : { database: statSync(place.socket).ctimeMs - beganAt };
    return { modules, ...database, listening, firstOpen };
  });
}
