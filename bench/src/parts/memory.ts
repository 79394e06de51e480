import { count, file } from '../command/options.js';
import { definePart } from '../command/part.js';
import { type Entry, measuredHere, openResultsFile } from '../figures/results-file.js';
import { httpLoad } from '../load/http-generator.js';
import { openRequest } from '../scaling/opens.js';
import { databasesOf, withPlace, withService } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { type Quarters, quartersOf, type Sample, watchMemory } from './memory-watch.js';

/** The entry of a run in a results file. */
interface MemoryEntry extends Entry, Quarters {
  /** The number of opens so far, and MiB. */
  readonly samples: readonly Sample[];
}

/** Measures whether the memory of the service grows with the opens that it has served. */
export const memory = definePart({
  name: 'memory',
  summary: 'memory of the serving process over 2 million opens',
  about: `
Opens sessions on the public path of a service in a process of its own, without a break, and samples the memory that the
process has for itself (RssAnon: without the pages of data files) every second. The database is the embedded server, which
is a thread of that process, or the one that MONGODB_URI names. Prints the median of each quarter of the opens, the most
there was, and the last quarter as a share of the third. Linux only.`,
  options: {
    opens: count('opens', 2_000_000),
    connections: count('connections', 64),
    json: file('a file for the figures, written as they come; what it has of other databases stays'),
  },
  async run({ opens, connections, json }) {
    const results = await openResultsFile<MemoryEntry>(json, 'memory');
    const databases = await databasesOf(process.env);
    const load = httpLoad();
    console.log(`${databases.name}; load by ${load.name}; ${opens} opens at ${connections} connections`);
    const measured = { ...measuredHere(), load: load.name, connections };
    const run = async ({ http = '' }: ServerProcess, ms: number) => {
      const { answers, unexpected } = await load.run(http, [openRequest()], { connections, ms });
      if (unexpected > 0) console.log(`${unexpected} calls had no good answer`);
      return answers;
    };
    const samples = await withPlace(databases, (place) =>
      withService(place, (server) =>
        watchMemory(server, opens, {
          run: (ms) => run(server, ms),
          print: (line) => console.error(line),
          onSamples: (soFar) =>
            results.put({
              name: 'memory',
              database: databases.name,
              measured,
              ...quartersOf(soFar),
              samples: soFar,
            }),
        }),
      ),
    );
    if (samples.length === 0) {
      console.log('There is no memory to be read: this needs Linux.');
      return 1;
    }
    const { quarters, max, lastToThird } = quartersOf(samples);
    const reached = samples.at(-1)?.[0] ?? 0;
    const each = quarters.map((mib) => `${mib} MiB`).join(', ');
    console.log(`quarters of ${reached} opens: ${each}; ${max} MiB at most`);
    console.log(`last quarter / third: ${lastToThird} (flat: within 5 %)`);
    return reached >= opens ? 0 : 1;
  },
});
