import { canceled, deadlineExceeded, type ServiceError, stopping } from './errors.js';

/**
 * Why a call ends before its answer: its deadline has passed, its caller hung up, or the process stops. The process ends
 * only streams and calls that may take longer than others; every other call is answered before it stops.
 */
export type CallEnd = 'deadline' | 'caller_gone' | 'stopping';

/** An AbortSignal whose reason is a {@link CallEnd}. */
export interface CallSignal extends AbortSignal {
  readonly reason: CallEnd | undefined;
}

/** Ends one call, once: what comes after the first reason changes nothing. */
export interface CallController {
  readonly signal: CallSignal;
  readonly abort: (reason: CallEnd) => void;
}

/** Makes the signal of one call. */
export function createCallController(): CallController {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}

const ERRORS: Readonly<Record<CallEnd, () => ServiceError>> = {
  deadline: deadlineExceeded,
  caller_gone: canceled,
  stopping,
};

/** Why a call that has ended gets no answer: deadline_exceeded, canceled or unavailable; undefined while it goes on. */
export function endOf({ aborted, reason }: CallSignal): ServiceError | undefined {
  return aborted && reason !== undefined ? ERRORS[reason]() : undefined;
}

/** Called before work begins that cannot be undone. @throws ServiceError of {@link endOf} */
export function throwIfEnded(signal: CallSignal): void {
  const error = endOf(signal);
  if (error) throw error;
}
