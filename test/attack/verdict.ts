import type { Outcome, Tolerance } from './attack.js';
import type { Used } from './process-watch.js';
import type { Treated, Visits } from './visitor.js';

/** All that one attack led to. */
export interface Measured extends Used {
  readonly outcome: Outcome;
  readonly visits: Visits;
  /** The p99 of good opens without an attack, in ms. */
  readonly aloneP99: number;
  /** Memory after it was calm again, in MiB. */
  readonly memoryAfter: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  /** Why the service did not open a session afterwards; undefined when it did. */
  readonly notAlive: string | undefined;
}

/** What holds for all attacks. */
export const BOUNDS = {
  /**
   * Visitors feel what is longer. The machine is shared with the attackers, so that this is no target; and where it is
   * busy with other things, answers may take some times as long as they do without an attack.
   */
  p99Ms: 500,
  p99TimesAlone: 4,
  /** More than the service takes in all when it is busy: caches and young garbage fit, what strangers pile up does not. */
  memoryGrowthMiB: 300,
  /** Each class of refusals may log 20 lines a second, and a second may hold the end of one and the start of the next. */
  logLinesPerSecond: 100,
  /** Connections of visitors that are just being closed. */
  descriptors: 10,
} as const;

/** Why the service did not hold; nothing when it did. What could not be measured (NaN) is not judged. */
export function faultsOf(measured: Measured, tolerance: Tolerance = {}): string[] {
  const { outcome, visits, notAlive } = measured;
  const faults = [...outcome.faults];
  const demand = (isSo: boolean, fault: string) => {
    if (!isSo) faults.push(fault);
  };
  demand(notAlive === undefined, `afterwards it does not open sessions: ${notAlive}`);
  for (const port of ['http', 'grpc'] as const) {
    const { refused, failed, calls } = visits[port];
    const all = tolerance[port] ?? 0;
    demand(
      failed <= calls * all && refused <= calls * Math.max(all, tolerance.refused ?? 0),
      `visitors over ${port}: ${describeTreatment(visits[port])} (${visits.reasons.text()})`,
    );
  }
  // A port that may fail every call has no latency to speak of.
  const p99Bound = Math.max(tolerance.p99Ms ?? BOUNDS.p99Ms, BOUNDS.p99TimesAlone * (measured.aloneP99 || 0));
  demand(!(visits.p99 > p99Bound), `good opens took ${Math.round(visits.p99)} ms (p99)`);
  const growth = measured.memoryMost - measured.memoryBefore;
  demand(!(growth > BOUNDS.memoryGrowthMiB), `memory grew by ${Math.round(growth)} MiB`);
  demand(
    !(measured.logLinesPerSecond > BOUNDS.logLinesPerSecond),
    `${measured.logLinesPerSecond} lines of log in a second`,
  );
  demand(!(measured.logErrors > 0), `${measured.logErrors} errors in the log: ${measured.firstLogError}`);
  demand(
    !(measured.descriptorsAfter > measured.descriptorsBefore + BOUNDS.descriptors),
    `${measured.descriptorsAfter - measured.descriptorsBefore} descriptors did not come back`,
  );
  return faults;
}

function describeTreatment({ calls, refused, failed }: Treated): string {
  return `${refused} refused and ${failed} failed of ${calls}`;
}
