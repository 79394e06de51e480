import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import { requireScope } from './authorize.js';
import { bridgeRequest } from './bridge.js';
import type { Call, Caller } from './call.js';
import type { CallLog, LoggedCall } from './call-log.js';
import { CallController, type CallSignal, throwIfEnded } from './call-signal.js';
import { numberViolations } from './decode/number-violations.js';
import { deadlineExceeded, overloaded, rulesBroken, ServiceError, toServiceError } from './errors.js';
import { handOver } from './hand-over.js';
import { HandledCall } from './handled-call.js';
import type { AnyRpc, AnyStreamRpc, Rpc, StreamRpc } from './rpc.js';

/** The pipeline that every call of every RPC goes through, from any edge. */
export interface Pipeline {
  readonly invoke: Invoke;
  readonly invokeStream: InvokeStream;
  /** Aborts streams and long calls, including those that begin later. All other calls are still answered. */
  readonly stop: () => void;
}

/**
 * Runs one unary call, in the same way for every edge: authenticates the caller, decodes and checks the request, calls
 * the handler, and converts anything thrown to a ServiceError.
 *
 * `read` decodes the request (see decode.ts). It is called after authentication, so that a refused caller costs no
 * decoding.
 *
 * @throws ServiceError, and nothing else.
 */
export type Invoke = <Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input>,
  read: () => MessageShape<Input>,
  call: Call,
) => Promise<Response>;

/**
 * Runs one streaming call, in the same way. `send` resolves when an answer is taken; the handler produces the next one
 * only then (backpressure). It returns when the stream has ended or its caller hung up.
 *
 * The error of a resumable RPC carries a resume token: the position after the last answer that was taken.
 *
 * @throws ServiceError, and nothing else; reader_too_slow when an answer is not taken in time, deadline_exceeded after
 * the caller's timeout, unavailable when the process stops
 */
export type InvokeStream = <Request, Response, Input extends DescMessage>(
  rpc: StreamRpc<Request, Response, Input>,
  read: () => MessageShape<Input>,
  call: Call,
  send: (response: Response) => Promise<void>,
) => Promise<void>;

/** Settings and collaborators of the pipeline. */
export interface PipelineOptions {
  /** Finds the engine caller; undefined where callers need no credentials. Throws ServiceError unauthenticated. */
  readonly authenticate: (call: Call) => Caller | undefined;
  /** The time limit of a unary call, in ms; a caller may ask for less. */
  readonly maxCallMs: number;
  /** How long a reader may take for one answer of a stream, in ms. */
  readonly maxStallMs?: number;
  /** The monotonic clock; the call log must use the same one. */
  readonly elapsed?: Elapsed;
  readonly callLog: CallLog;
  /** The maximum of in-flight calls; further calls are refused at once. Streams are not counted. */
  readonly maxInFlight?: number;
}

/**
 * At 5,000 opens per second, 2,048 in-flight calls are a queue of 0.4 s; a caller that would wait longer is better
 * refused at once. A call takes about 6 KB of memory, at most the 64 KiB of its request: 130 MB in all.
 */
const MAX_IN_FLIGHT = 2_048;
/** The longest delay of a Node timer, in ms: a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Creates the pipeline of a service. All edges share one, because it counts the in-flight calls. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { authenticate, maxCallMs, maxStallMs = 30_000, elapsed = monotonic, callLog } = options;
  const { maxInFlight = MAX_IN_FLIGHT } = options;
  let inFlight = 0;
  const onSettled = () => {
    inFlight--;
  };
  /** The streams and long calls in flight: a stop aborts them, because they may outlast its grace period. */
  const abortedOnStop = new Set<CallController>();
  let isStopping = false;

  return {
    async invoke(rpc, read, call) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      const controller = new CallController();
      try {
        if (inFlight >= maxInFlight) throw overloaded();
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const ms = Math.min(rpc.maxCallMs ?? maxCallMs, call.timeoutMs);
        if (ms <= 0) throw deadlineExceeded();
        call.onGone?.(() => controller.abort('caller_gone'));
        if (rpc.maxCallMs !== undefined) abortOnStop(controller);
        const work = rpc.handle(request, new HandledCall(call, entry.caller, entry.start + ms, controller));
        inFlight++;
        const answer = await withDeadline(work, ms, controller, onSettled);
        callLog.answered(entry);
        return answer;
      } catch (thrown) {
        throw logRefusal(entry, thrown);
      } finally {
        controller.close();
        abortedOnStop.delete(controller);
      }
    },

    async invokeStream(rpc, read, call, send) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      const controller = new CallController();
      let timer: NodeJS.Timeout | undefined;
      try {
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const { timeoutMs } = call;
        if (timeoutMs <= MAX_TIMER_MS) timer = setTimeout(() => controller.abort('deadline'), timeoutMs);
        call.onGone?.(() => controller.abort('caller_gone'));
        abortOnStop(controller);
        const deadline = entry.start + timeoutMs;
        const handled = new HandledCall(call, entry.caller, deadline, controller);
        const responses = rpc.handle(request, handled);
        await deliver(rpc, request, responses, controller.signal, send);
        callLog.answered(entry);
      } catch (thrown) {
        throw logRefusal(entry, thrown);
      } finally {
        clearTimeout(timer);
        controller.close();
        abortedOnStop.delete(controller);
      }
    },

    stop() {
      isStopping = true;
      for (const controller of abortedOnStop) controller.abort('stopping');
    },
  };

  function abortOnStop(controller: CallController): void {
    abortedOnStop.add(controller);
    if (isStopping) controller.abort('stopping');
  }

  /** Authenticates and authorizes the caller, then decodes and checks the request. @throws ServiceError */
  function admit<R extends AnyRpc | AnyStreamRpc>(
    entry: Entry,
    rpc: R,
    read: () => MessageShape<R['method']['input']>,
  ): MessageShape<R['method']['input']> {
    entry.caller = authenticate(entry.call);
    requireScope(entry.caller, rpc.scope);
    const message = read();
    const violations = [...rpc.rules(message, entry.call.surface), ...numberViolations(message)];
    if (violations.length > 0) throw rulesBroken(violations);
    return message;
  }

  /** Sends the answers of a stream one at a time: the next one is produced when the last one is taken. */
  async function deliver<Request, Response>(
    { isResumable }: StreamRpc<Request, Response>,
    request: Request,
    responses: AsyncGenerator<Response, void, void>,
    signal: CallSignal,
    send: (response: Response) => Promise<void>,
  ): Promise<void> {
    let resumeToken: string | undefined;
    try {
      for await (const response of responses) {
        resumeToken ??= resumeTokenOf(request);
        const outcome = await handOver(() => send(response), signal, maxStallMs);
        if (outcome === 'stalled') throw tooSlow(maxStallMs);
        if (outcome === 'aborted') break;
        resumeToken = resumeTokenOf(response);
      }
      if (signal.reason !== 'caller_gone') throwIfEnded(signal);
    } catch (thrown) {
      if (!isResumable || resumeToken === undefined) throw thrown;
      const { code, message, details, cause } = toServiceError(thrown);
      throw new ServiceError(code, message, { ...details, resumeToken }, cause);
    }
  }

  /** Logs why a call fails. @returns the error for its caller */
  function logRefusal(entry: Entry, thrown: unknown): ServiceError {
    const error = toServiceError(thrown);
    callLog.refused(entry, error);
    return error;
  }
}

/** A call in the pipeline; its caller is set after authentication. */
interface Entry extends LoggedCall {
  caller: Caller | undefined;
}

/**
 * Rejects with `deadline_exceeded` and aborts the call when the work takes longer than `ms`. A write that has been sent
 * may still succeed; an idempotency key makes the retry safe.
 *
 * @param onSettled called when the work has ended, even after its deadline
 */
function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  controller: CallController,
  onSettled: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      controller.abort('deadline');
      reject(deadlineExceeded());
    }, ms);
    work.then(
      (answer) => {
        onSettled();
        clearTimeout(timer);
        resolve(answer);
      },
      (error: unknown) => {
        onSettled();
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** The `resumeToken` of a message; undefined when it has none. */
function resumeTokenOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('resumeToken' in message)) return undefined;
  return typeof message.resumeToken === 'string' && message.resumeToken !== ''
    ? message.resumeToken
    : undefined;
}

function tooSlow(maxStallMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `A message was not taken within ${maxStallMs / 1000} s.`);
}
