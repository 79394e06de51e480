import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import { requireScope } from './authorize.js';
import { bridgeRequest } from './bridge.js';
import type { AuthenticatedCall, Call, Caller } from './call.js';
import type { CallLog, LoggedCall } from './call-log.js';
import { type CallController, type CallSignal, createCallController, throwIfEnded } from './call-signal.js';
import { deadlineExceeded, overloaded, rulesBroken, ServiceError, toServiceError } from './errors.js';
import { handOver } from './hand-over.js';
import type { AnyRpc, AnyStreamRpc, Rpc, StreamRpc } from './rpc.js';

/** The pipeline: what every call of every RPC goes through, whatever edge it came in by. */
export interface Pipeline {
  readonly invoke: Invoke;
  readonly invokeStream: InvokeStream;
  /** Ends the streams and the long calls, those to come too; the other calls are answered. */
  readonly stop: () => void;
}

/**
 * Runs one call of one RPC, the same way for every edge: lets the caller in, reads and checks the request,
 * hands it to its handler, and turns whatever is thrown into one ServiceError.
 *
 * `read` gives the checked shape of the request (see decode.ts); it is called once the caller is let in.
 *
 * @throws ServiceError, and nothing else.
 */
export type Invoke = <Request, Response, Input extends DescMessage>(
  rpc: Rpc<Request, Response, Input>,
  read: () => MessageShape<Input>,
  call: Call,
) => Promise<Response>;

/**
 * Runs one call whose answer is a stream, in the same way. `send` resolves when an answer is taken: the next one
 * is made then. It returns when the stream is at its end, or its caller is gone.
 *
 * The error of a resumable RPC says where to go on from: behind the last answer that was taken.
 *
 * @throws ServiceError, and nothing else; reader_too_slow when an answer is not taken in time, unavailable when the
 * process stops
 */
export type InvokeStream = <Request, Response, Input extends DescMessage>(
  rpc: StreamRpc<Request, Response, Input>,
  read: () => MessageShape<Input>,
  call: Call,
  send: (response: Response) => Promise<void>,
) => Promise<void>;

/** What the pipeline is made of. */
export interface PipelineOptions {
  /** The engine caller, or undefined where callers need not show who they are. Throws ServiceError unauthenticated. */
  readonly authenticate: (call: Call) => Caller | undefined;
  /** The longest that a call may take, in ms; a caller may ask for less. */
  readonly maxCallMs: number;
  /** How long a reader may take for one answer of a stream, in ms. */
  readonly maxStallMs?: number;
  /** The log's clock. */
  readonly elapsed?: Elapsed;
  readonly callLog: CallLog;
  /** The most calls under way; more are refused at once. Streams are not counted. */
  readonly maxInFlight?: number;
}

/**
 * At 5,000 opens a second this is a wait of 0.4 s: whoever would have to wait longer is better told at once. A call
 * takes 6 KB, and never more than its 64 KiB of request: at most 130 MB.
 */
const MAX_IN_FLIGHT = 2_048;
/** The longest that a timer of Node's can be set to, in ms: with more it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Makes the pipeline of a service: one for all its edges. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { authenticate, maxCallMs, maxStallMs = 30_000, elapsed = monotonic, callLog } = options;
  const { maxInFlight = MAX_IN_FLIGHT } = options;
  let inFlight = 0;
  const settled = () => {
    inFlight--;
  };
  /** Streams, and calls that may take longer than others: they do not outlast the process's stop. */
  const long = new Set<CallController>();
  let isStopping = false;

  return {
    async invoke(rpc, read, call) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      const controller = createCallController();
      try {
        if (inFlight >= maxInFlight) throw overloaded();
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const ms = Math.min(rpc.maxCallMs ?? maxCallMs, call.timeoutMs);
        if (ms <= 0) throw deadlineExceeded();
        call.onGone?.(() => controller.abort('caller_gone'));
        if (rpc.maxCallMs !== undefined) endOnStop(controller);
        const work = rpc.handle(request, authenticated(entry, controller, ms));
        inFlight++;
        const answer = await inTime(work, ms, controller, settled);
        callLog.answered(entry);
        return answer;
      } catch (thrown) {
        throw refuse(entry, thrown);
      } finally {
        long.delete(controller);
      }
    },

    async invokeStream(rpc, read, call, send) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      const controller = createCallController();
      let timer: NodeJS.Timeout | undefined;
      try {
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const { timeoutMs } = call;
        if (timeoutMs <= MAX_TIMER_MS) timer = setTimeout(() => controller.abort('deadline'), timeoutMs);
        call.onGone?.(() => controller.abort('caller_gone'));
        endOnStop(controller);
        const responses = rpc.handle(request, authenticated(entry, controller, timeoutMs));
        await deliver(rpc, request, responses, controller.signal, send);
        callLog.answered(entry);
      } catch (thrown) {
        throw refuse(entry, thrown);
      } finally {
        clearTimeout(timer);
        long.delete(controller);
      }
    },

    stop() {
      isStopping = true;
      for (const controller of long) controller.abort('stopping');
    },
  };

  function endOnStop(controller: CallController): void {
    long.add(controller);
    if (isStopping) controller.abort('stopping');
  }

  function authenticated(entry: Entry, { signal }: CallController, ms: number): AuthenticatedCall {
    return { ...entry.call, caller: entry.caller, deadline: entry.start + ms, signal };
  }

  /** Lets the caller in, and reads and checks the request. @throws ServiceError */
  function admit<R extends AnyRpc | AnyStreamRpc>(
    entry: Entry,
    rpc: R,
    read: () => MessageShape<R['method']['input']>,
  ): MessageShape<R['method']['input']> {
    entry.caller = authenticate(entry.call);
    requireScope(entry.caller, rpc.scope);
    const message = read();
    const violations = rpc.rules(message);
    if (violations.length > 0) throw rulesBroken(entry.call.surface, violations);
    return message;
  }

  /** Sends the answers of a stream, each when the one before it is taken. */
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

  /** Logs why a call is refused. @returns the error for its caller */
  function refuse(entry: Entry, thrown: unknown): ServiceError {
    const error = toServiceError(thrown);
    callLog.refused(entry, error);
    return error;
  }
}

/** A call on its way. */
interface Entry extends LoggedCall {
  caller: Caller | undefined;
}

/**
 * Answers `deadline_exceeded` when the work is not done in time. The work is told by its signal; a write that is under
 * way may still land, which is what an idempotency key is for.
 *
 * @param settled called when the work is over, answered or not
 */
function inTime<T>(
  work: Promise<T>,
  ms: number,
  controller: CallController,
  settled: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      controller.abort('deadline');
      reject(deadlineExceeded());
    }, ms);
    work.then(
      (answer) => {
        settled();
        clearTimeout(timer);
        resolve(answer);
      },
      (error: unknown) => {
        settled();
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** The `resumeToken` of a message that has one. */
function resumeTokenOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('resumeToken' in message)) return undefined;
  return typeof message.resumeToken === 'string' && message.resumeToken !== ''
    ? message.resumeToken
    : undefined;
}

function tooSlow(maxStallMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `A message was not taken within ${maxStallMs / 1000} s.`);
}
