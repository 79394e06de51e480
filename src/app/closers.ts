import type { Logger } from 'pino';

/** A stack of clean-up functions, called in reverse order of their registration. */
export interface Closers {
  readonly add: (close: () => Promise<void>) => void;
  /** Calls all of them, once. An error is logged and does not stop the others. Safe to call twice. */
  readonly close: () => Promise<void>;
}

/** Creates an empty stack. */
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
