import { ServiceError } from '../../rpc/errors.js';

/** Limits how many streams are open at once. */
export interface StreamCaps {
  /**
   * Counts a new stream of a caller. @returns releases the stream; further calls do nothing
   * @param caller its name; undefined where no callers are configured, which makes all of them one caller
   * @throws ServiceError rate_limited
   */
  readonly take: (caller: string | undefined) => () => void;
}

/** The most streams that one process has open: for each caller, and in total. */
export interface StreamLimits {
  readonly perCaller?: number;
  readonly total?: number;
}

/** When a caller may try again, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Creates the caps for one kind of stream in one process. */
export function createStreamCaps({ perCaller = 20, total = 500 }: StreamLimits = {}): StreamCaps {
  const open = new Map<string | undefined, number>();
  let openTotal = 0;

  return {
    take(caller) {
      const openOfCaller = open.get(caller) ?? 0;
      if (openOfCaller >= perCaller)
        throw tooMany(`This caller has ${perCaller} streams of this kind open already.`);
      if (openTotal >= total)
        throw tooMany('This process has as many streams of this kind open as it can carry.');
      open.set(caller, openOfCaller + 1);
      openTotal++;
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        openTotal--;
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
