import type { AuthenticatedCall, Call, Caller } from './call.js';
import type { CallController, CallSignal } from './call-signal.js';

/** A call as its handler gets it. A class, so that `signal` is created when a handler reads it, and not for each call. */
export class HandledCall implements AuthenticatedCall {
  readonly surface: Call['surface'];
  readonly transport: Call['transport'];
  readonly requestId: string;
  readonly timeoutMs: number;
  readonly header: Call['header'];
  readonly addHeader: Call['addHeader'];
  readonly addTrailer: Call['addTrailer'];
  readonly onGone: Call['onGone'];
  readonly certificateSubject: Call['certificateSubject'];
  readonly #controller: CallController;

  constructor(
    call: Call,
    readonly caller: Caller | undefined,
    readonly deadline: number,
    controller: CallController,
  ) {
    this.surface = call.surface;
    this.transport = call.transport;
    this.requestId = call.requestId;
    this.timeoutMs = call.timeoutMs;
    this.header = call.header;
    this.addHeader = call.addHeader;
    this.addTrailer = call.addTrailer;
    this.onGone = call.onGone;
    this.certificateSubject = call.certificateSubject;
    this.#controller = controller;
  }

  get signal(): CallSignal {
    return this.#controller.signal;
  }
}
