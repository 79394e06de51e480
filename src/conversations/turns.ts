/** Does work of one name one after the other, in the order in which it came; of other names side by side. */
export type InTurn = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** Turns of one process. What has failed lets the next go on; nothing is kept of a name that nobody waits for. */
export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>();

  return async (name, work) => {
    const before = last.get(name);
    const mine = before ? before.then(work, work) : work();
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
