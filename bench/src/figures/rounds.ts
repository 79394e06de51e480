import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from '../load/load.js';
import type { ServerProcess } from '../servers/server-process.js';

/** Something that is measured. */
export interface Contender {
  readonly name: string;
  /** The process whose CPU time and memory are measured, if it has one. */
  readonly server?: Pick<ServerProcess, 'cpuMs' | 'memoryMiB'>;
  readonly run: (ms: number) => Promise<LoadResult>;
}

/** One measurement of a contender. */
export interface Round extends LoadResult {
  /** CPU time of its process per answer of any status, in µs; NaN when unknown. */
  readonly cpuUs: number;
  /** Private memory of its process afterwards, in MiB (RssAnon); NaN when unknown. */
  readonly memoryMiB: number;
}

/** The length and number of the rounds. */
export interface RoundOptions<C extends Contender> {
  readonly rounds: number;
  /** The length of a round, and of the warm-up before the first, in ms. */
  readonly ms: number;
  readonly warmUpMs: number;
  /** Called after each measurement; the warm-up is round 0. */
  readonly onRound: (contender: C, round: Round, number: number) => void;
}

/** A server counts as idle when so many looks, so many ms apart, found no CPU time used. */
const IDLE_LOOKS = 5;
const LOOK_MS = 40;
/** How long to wait for an idle server, in ms. */
const IDLE_MS = 10_000;

/**
 * Measures contenders in turns, A B C A B C …, so that other load on the machine affects all of them.
 *
 * @returns the rounds of each, in their order, without the warm-up
 */
export async function alternate<C extends Contender>(
  contenders: readonly C[],
  { rounds, ms, warmUpMs, onRound }: RoundOptions<C>,
): Promise<ReadonlyMap<C, readonly Round[]>> {
  const measured = new Map<C, Round[]>(contenders.map((contender) => [contender, []]));
  for (let number = warmUpMs > 0 ? 0 : 1; number <= rounds; number++) {
    for (const contender of contenders) {
      const round = await measure(contender, number === 0 ? warmUpMs : ms);
      onRound(contender, round, number);
      if (number > 0) measured.get(contender)?.push(round);
    }
  }
  return measured;
}

/** Measures a contender once, for `ms`. */
export async function measure({ server, run }: Contender, ms: number): Promise<Round> {
  const before = server?.cpuMs() ?? Number.NaN;
  const result = await run(ms);
  const cpuMs = (server?.cpuMs() ?? Number.NaN) - before;
  const { answers, unexpected } = result;
  const memoryMiB = server?.memoryMiB() ?? Number.NaN;
  if (server) await untilIdle(server);
  return { ...result, cpuUs: (cpuMs * 1_000) / (answers + unexpected), memoryMiB };
}

/** Waits until the server has finished what is left of the load, so that it costs the next contender no time. */
async function untilIdle({ cpuMs }: Pick<ServerProcess, 'cpuMs'>): Promise<void> {
  const until = performance.now() + IDLE_MS;
  let used = cpuMs();
  for (let looks = 0; looks < IDLE_LOOKS && performance.now() < until; looks++) {
    await sleep(LOOK_MS);
    const now = cpuMs();
    if (now > used) looks = -1;
    used = now;
  }
}
