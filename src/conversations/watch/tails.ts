import { startTail, type Tail, type TailDeps } from './tail.js';
import type { WatchPlace } from './window.js';

/** The tails of a process: one for each tenant that is being watched. */
export interface Tails {
  /** Takes part in the tail of a tenant until `leave`. The first watcher starts the tail, and the last one stops it. */
  readonly of: (tenantId: string) => { readonly tail: Tail; readonly leave: () => void };
}

interface Running {
  readonly tail: Tail;
  watchers: number;
}

/** Creates the registry of tails. @param tokenOf makes the resume token of a place in a tenant's events */
export function createTails(deps: TailDeps, tokenOf: (tenantId: string, place: WatchPlace) => string): Tails {
  const tails = new Map<string, Running>();

  return {
    of(tenantId) {
      const running = tails.get(tenantId) ?? start(tenantId);
      running.watchers++;
      return {
        tail: running.tail,
        leave() {
          running.watchers--;
          if (running.watchers > 0) return;
          running.tail.stop();
          forget(tenantId, running);
        },
      };
    },
  };

  function start(tenantId: string): Running {
    const tail = startTail(
      deps,
      tenantId,
      (place) => tokenOf(tenantId, place),
      // A failed tail is forgotten, so that watchers that return start a new one.
      () => forget(tenantId, running),
    );
    const running: Running = { tail, watchers: 0 };
    tails.set(tenantId, running);
    return running;
  }

  function forget(tenantId: string, running: Running): void {
    if (tails.get(tenantId) === running) tails.delete(tenantId);
  }
}
