import { spread } from '../figures/statistics.js';
import type { ServerProcess } from '../servers/server-process.js';

/** The number of opens so far, and MiB. */
export type Sample = readonly [opens: number, mib: number];

/** The load runs in stretches of so many ms, since the generator reports its opens at the end. */
const STRETCH_MS = 10_000;
const FIRST_STRETCH_MS = 2_000;
const SAMPLE_MS = 1_000;
/** After so many stretches without an open it gives up. */
const MAX_EMPTY = 3;

/** The load, and the receivers of its results. */
export interface MemoryWatch {
  /** Opens sessions for `ms`. @returns their number */
  readonly run: (ms: number) => Promise<number>;
  /** Called with all samples after each stretch. */
  readonly onSamples: (samples: readonly Sample[]) => Promise<void>;
  readonly print: (line: string) => void;
}

/** Samples the memory of a process until it has answered so many opens, or none for three stretches. */
export async function watchMemory(
  server: Pick<ServerProcess, 'memoryMiB'>,
  opens: number,
  { run, onSamples, print }: MemoryWatch,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  let opened = 0;
  let rate = Number.NaN;
  for (let empty = 0; opened < opens && empty < MAX_EMPTY; ) {
    const stretchBegan = performance.now();
    const taken: { readonly at: number; readonly mib: number }[] = [];
    const sampling = setInterval(() => {
      taken.push({ at: performance.now() - stretchBegan, mib: server.memoryMiB() });
    }, SAMPLE_MS);
    // The last stretch is as long as the opens that are left.
    const ms = Number.isNaN(rate)
      ? FIRST_STRETCH_MS
      : Math.min(STRETCH_MS, ((opens - opened) * 1_000) / rate + 100);
    const answers = await run(ms).catch((error: unknown) => {
      print(error instanceof Error ? error.message : String(error));
      return 0;
    });
    clearInterval(sampling);
    const took = performance.now() - stretchBegan;
    const base = opened;
    taken.push({ at: took, mib: server.memoryMiB() });
    for (const { at, mib } of taken) {
      // It is NaN after the process has ended, and on systems other than Linux.
      if (Number.isFinite(mib))
        samples.push([Math.round(base + (answers * at) / took), Number(mib.toFixed(1))]);
    }
    opened += answers;
    empty = answers > 0 ? 0 : empty + 1;
    rate = answers > 0 ? (answers * 1_000) / took : rate;
    const left = Math.max(Math.round((opens - opened) / rate), 0);
    const seconds = Math.round((performance.now() - began) / 1_000);
    print(
      `${opened} opens in ${seconds} s, ${Math.round(rate)}/s, ${samples.at(-1)?.[1]} MiB, ${left} s to go`,
    );
    if (samples.length > 0) await onSamples(samples);
  }
  return samples;
}

/** A summary of samples, in MiB. */
export interface Quarters {
  /** The median of each quarter of the opens. */
  readonly quarters: readonly number[];
  readonly max: number;
  /** The last quarter as a share of the third. */
  readonly lastToThird: number;
}

/** Summarises samples that are in the order of their opens. */
export function quartersOf(samples: readonly Sample[]): Quarters {
  const end = samples.at(-1)?.[0] ?? 0;
  const quarters = [0, 1, 2, 3].map((quarter) => {
    const inside = samples.filter(([opens]) => Math.min(Math.floor((opens * 4) / end), 3) === quarter);
    return Number(spread(inside.map(([, mib]) => mib)).median.toFixed(1));
  });
  const [, , third = Number.NaN, last = Number.NaN] = quarters;
  const { max } = spread(samples.map(([, mib]) => mib));
  return { quarters, max, lastToThird: Number((last / third).toFixed(3)) };
}
