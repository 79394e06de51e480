/** What V8 writes as .cpuprofile: a tree of functions, and samples of where it was. Times are in µs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Of the clock that process.hrtime reads, on Linux at least. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** From each sample's predecessor, or the start, to itself. */
  readonly timeDeltas: readonly number[];
}

/** Time that was spent in something itself, without what it called. */
export interface SelfTime {
  readonly name: string;
  readonly ms: number;
}

/** Where a thread spent its time. */
export interface SelfTimes {
  /** All of it but for waiting, in ms. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** Functions, as `name file:line`, from the longest on. */
  readonly functions: readonly SelfTime[];
  /** Files of the project, packages, and node's own modules, from the longest on. */
  readonly places: readonly SelfTime[];
}

const IDLE = '(idle)';

/** Adds up a profile, from one time to another where they are given (µs). */
export function selfTimes(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): SelfTimes {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const places = new Map<string, number>();
  let idleMs = 0;
  let busyMs = 0;
  let at = startTime;
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    // It was there until the next sample.
    const ms = (timeDeltas[index + 1] ?? 0) / 1_000;
    if (!frame || at < from || at > to) continue;
    if (frame.functionName === IDLE) {
      idleMs += ms;
      continue;
    }
    busyMs += ms;
    const file = fileOf(frame.url);
    const name = `${frame.functionName || '(anonymous)'}${file ? ` ${file}:${frame.lineNumber + 1}` : ''}`;
    const place = placeOf(file) || frame.functionName;
    functions.set(name, (functions.get(name) ?? 0) + ms);
    places.set(place, (places.get(place) ?? 0) + ms);
  }
  return { busyMs, idleMs, functions: longestFirst(functions), places: longestFirst(places) };
}

/** The path of a module, from the project's root: `src/…`, `node_modules/…` or `node:…`. */
function fileOf(url: string): string {
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*?\/(?=dist\/|node_modules\/)/, '')
    .replace(/^dist\//, '');
}

/** Packages are one place each, whichever of their files it is. */
function placeOf(file: string): string {
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  return name ?? file;
}

function longestFirst(times: ReadonlyMap<string, number>): SelfTime[] {
  return [...times].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
}
