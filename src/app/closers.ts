import type { Logger } from 'pino';

/** What is up, to be taken down in the opposite order. */
export interface Closers {
  readonly add: (close: () => Promise<void>) => void;
  /** Takes everything down. What cannot be closed is logged; safe to call twice. */
  readonly close: () => Promise<void>;
}

/** Nothing is up yet. */
export function createClosers(log: Logger): Closers {
  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  const closeAll = async () => {
    for (const close of closers.reverse()) {
      await close().catch((error: unknown) => log.error({ err: error }, 'not closed cleanly'));
    }
  };
  return {
    add: (close) => closers.push(close),
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
}
