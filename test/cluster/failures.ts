import * as assert from 'uvu/assert';
import type { Open } from './load.js';
import type { Log } from './log.js';

/** Tells the opens that may fail when a worker is killed from those that may not. */
export interface Failures {
  /** Holds each open that failed since the last time against the worker that was killed, or stopped, at `killedAt`. */
  check(opens: readonly Open[], victim: number, killedAt: number): void;
  /** The request ids of the opens that failed, and were to fail. */
  readonly checked: ReadonlySet<string>;
}

/** Begins with no failure known. */
export function createFailures({ answeredBy }: Log): Failures {
  const checked = new Set<string>();
  return {
    checked,
    check(opens, victim, killedAt) {
      for (const [index, { way, client, requestId, began, error }] of opens.entries()) {
        if (error === undefined || checked.has(requestId)) continue;
        checked.add(requestId);
        const context = `${requestId} ${began - killedAt} ms after the kill: ${error}`;
        assert.not.match(error, /timed out|DEADLINE/, context);
        // The dead worker may have answered what did not get through any more.
        assert.ok([undefined, victim].includes(answeredBy(requestId)), context);
        if (way === 'new') {
          assert.ok(began < killedAt, context);
        } else {
          // Its last lines may have died with it.
          const known = opens
            .slice(0, index)
            .map((open) => open.client === client && answeredBy(open.requestId));
          assert.is(known.findLast(Number), victim, context);
        }
      }
    },
  };
}

/** The worker that most of the kept connections are to. */
export function busiest({ logged }: Log, opens: readonly Open[]): number {
  const kept = new Set(opens.flatMap(({ way, requestId }) => (way === 'kept' ? [requestId] : [])));
  const counts = new Map<number, number>();
  for (const { worker, requestId } of logged()) {
    if (worker !== undefined && kept.has(requestId ?? '')) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  if (!first) throw new Error('no worker has answered');
  return first[0];
}
