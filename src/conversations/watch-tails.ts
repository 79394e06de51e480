import { startTail, type Tail, type TailDeps } from './watch-tail.js';
import type { WatchPlace } from './watch-window.js';

/** The tails of a process: one for each tenant that somebody watches. */
export interface Tails {
  /** The tail of a tenant, until it is left: it starts with the first of its watchers, and ends with the last. */
  readonly of: (tenantId: string) => { readonly tail: Tail; readonly leave: () => void };
}

interface Running {
  readonly tail: Tail;
  watchers: number;
}

/** No tails at first. @param tokenOf the resume token of a place in what a tenant's watchers are sent */
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
      // Watchers that come back start another one.
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
