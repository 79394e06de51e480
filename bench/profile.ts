import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from './contenders.js';
import { type SelfTime, type SelfTimes, selfTimes } from './cpu-profile.js';
import { serverAt } from './database.js';
import { UsageError } from './options.js';
import type { Loads, Scene } from './scene.js';
import { startOurs } from './server-process.js';
import { figure, formatTable } from './table.js';

/** How long the service runs before what it does counts, in ms. */
const WARM_UP_MS = 2_000;
/** How many lines of each table are printed. */
const FUNCTIONS = 30;
const PLACES = 20;

/**
 * Puts load on the service under V8's sampling profiler, and prints where each of its threads spent the time. Without
 * `MONGODB_URI` the embedded server is one of them.
 *
 * @param entry what the load is; one that the service itself answers
 * @throws UsageError for another one
 */
export async function printProfile(entry: Entry, loads: Loads, ms: number): Promise<void> {
  if (!entry.isOurs) throw new UsageError(`--profile is for the service itself, and not for ${entry.id}.`);
  // It stays, for whoever wants to look closer.
  const folder = await mkdtemp(join(tmpdir(), 'chatsessions-profile-'));
  const uri = process.env['MONGODB_URI'];
  const database = uri ? serverAt(uri) : undefined;
  const ours = await startOurs({
    ...(database && { databaseUri: database.uri, databaseName: database.names.servers }),
    execArgv: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
  });
  const nothingElse = () => Promise.reject(new Error('there is the service alone'));
  const others = {
    ...{ peer: nothingElse, staticHttp: nothingElse, staticGrpc: nothingElse, bareOpen: nothingElse },
  };
  const scene: Scene = {
    ...{ ...loads, ours, ...others, close: ours.stop },
    database: { run: nothingElse, close: nothingElse },
  };
  const { run } = await entry.open(scene);
  await run(WARM_UP_MS);
  const from = nowUs();
  const { rate } = await run(ms);
  const to = nowUs();
  await ours.stop();
  await database?.close();

  print(`${entry.name}, under the profiler: ${figure(rate)}/s`);
  for (const file of (await readdir(folder)).sort()) {
    const path = join(folder, file);
    const times = selfTimes(JSON.parse(await readFile(path, 'utf8')), from, to);
    print(`\n== ${threadOf(file)}: ${path} ==\n\n${formatTimes(times).trimEnd()}`);
  }
}

function formatTimes({ busyMs, idleMs, functions, places }: SelfTimes): string {
  const table = (title: string, times: readonly SelfTime[]) =>
    formatTable([
      [title, 'self ms', 'share'],
      ...times.map(({ name, ms }) => [`  ${name}`, figure(ms), `${figure((ms * 100) / busyMs, 1)} %`]),
    ]);
  const busy = figure((busyMs * 100) / (busyMs + idleMs));
  return [
    `busy for ${figure(busyMs)} ms, ${busy} % of the time; shares are of that\n`,
    table('files and packages', places.slice(0, PLACES)),
    table('functions', functions.slice(0, FUNCTIONS)),
  ].join('\n');
}

/** V8 names the files CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile. */
function threadOf(file: string): string {
  return file.split('.')[4] === '0' ? 'main thread' : 'embedded server';
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
