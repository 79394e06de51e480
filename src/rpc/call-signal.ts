import { canceled, deadlineExceeded, type ServiceError, stopping } from './errors.js';

/**
 * Why a call is aborted: its deadline has passed, its caller hung up, or the process stops. A stop aborts only streams
 * and RPCs with a time limit of their own (`maxCallMs`); all other calls are answered before the process ends.
 */
export type CallEnd = 'deadline' | 'caller_gone' | 'stopping';

/** An AbortSignal whose reason is a {@link CallEnd}. */
export interface CallSignal extends AbortSignal {
  readonly reason: CallEnd | undefined;
}

/**
 * Aborts one call. The first reason stays; later ones are ignored, and so are those after {@link close}.
 *
 * The signal is created when it is first read: Node takes 5 µs for one, and most calls are answered without it.
 */
export class CallController {
  #abort: AbortController | undefined;
  #reason: CallEnd | undefined;
  #isClosed = false;

  get signal(): CallSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  abort(reason: CallEnd): void {
    if (this.#reason !== undefined || this.#isClosed) return;
    this.#reason = reason;
    this.#abort?.abort(reason);
  }

  /** The call is answered. gRPC tells of a gone caller for every call, also after its answer. */
  close(): void {
    this.#isClosed = true;
  }
}

const ERRORS: Readonly<Record<CallEnd, () => ServiceError>> = {
  deadline: deadlineExceeded,
  caller_gone: canceled,
  stopping,
};

/** The error of an aborted call: deadline_exceeded, canceled or unavailable; undefined while it is not aborted. */
export function endError({ aborted, reason }: CallSignal): ServiceError | undefined {
  return aborted && reason !== undefined ? ERRORS[reason]() : undefined;
}

/** To be called before work that cannot be undone. @throws ServiceError of {@link endError} when the call is aborted */
export function throwIfEnded(signal: CallSignal): void {
  const error = endError(signal);
  if (error) throw error;
}
