import { ServiceError } from '../../rpc/errors.js';

/** How many streams may be open at once. */
export interface StreamCaps {
  /**
   * Takes one, for a caller by its name. @returns what gives it back, once
   * @throws ServiceError rate_limited
   */
  readonly take: (caller: string | undefined) => () => void;
}

/** The most streams of one process; where no callers are configured, all are one caller. */
export interface StreamLimits {
  readonly perCaller?: number;
  readonly total?: number;
}

/** When a caller may try again, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Caps for one kind of stream, in one process. */
export function createStreamCaps({ perCaller = 20, total = 500 }: StreamLimits = {}): StreamCaps {
  const open = new Map<string | undefined, number>();
  let all = 0;

  return {
    take(caller) {
      const theirs = open.get(caller) ?? 0;
      if (theirs >= perCaller)
        throw tooMany(`This caller has ${perCaller} streams of this kind open already.`);
      if (all >= total) throw tooMany('This process has as many streams of this kind open as it can carry.');
      open.set(caller, theirs + 1);
      all++;
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        all--;
        const left = (open.get(caller) ?? 0) - 1;
        if (left > 0) open.set(caller, left);
        else open.delete(caller);
      };
    },
  };
}

function tooMany(message: string): ServiceError {
  return new ServiceError('rate_limited', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
