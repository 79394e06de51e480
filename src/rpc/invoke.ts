import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { requireScope } from './authorize.js';
import { type Call, type Caller, STOPPING } from './call.js';
import type { CallLog, LoggedCall } from './call-log.js';
import { bridgeRequest } from './door.js';
import { type Elapsed, elapsed as monotonic } from './elapsed.js';
import {
  deadlineExceeded,
  overloaded,
  rulesBroken,
  ServiceError,
  stopping,
  toServiceError,
} from './errors.js';
import { handOver } from './hand-over.js';
import type { AnyRpc, AnyStreamRpc, Rpc, StreamRpc } from './rpc.js';

/** The pipeline: what every call of every RPC goes through, whatever edge it came in by. */
export interface Pipeline {
  readonly invoke: Invoke;
  readonly invokeStream: InvokeStream;
}

/**
 * Runs one call of one RPC, the same way for every edge: lets the caller in, reads and checks the request,
 * hands it to its handler, and turns whatever is thrown into one ServiceError.
 *
 * `read` gives the checked shape of the request (see door.ts); it is called once the caller is let in.
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
 * is made then. It returns when the stream is at its end, or `signal` says that nobody waits for the rest.
 *
 * What ends a stream from outside is thrown in where its handler waits for its answer to be taken: so that the
 * handler can add to the error how far it got.
 *
 * @throws ServiceError, and nothing else; reader_too_slow when an answer is not taken in time, unavailable when the
 * process stops
 */
export type InvokeStream = <Request, Response, Input extends DescMessage>(
  rpc: StreamRpc<Request, Response, Input>,
  read: () => MessageShape<Input>,
  call: Call & { readonly signal: AbortSignal },
  send: (response: Response) => Promise<void>,
) => Promise<void>;

/** What the pipeline is made of. */
export interface PipelineParts {
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

/** Makes the pipeline of a service: one for all its edges. */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { authenticate, maxCallMs, maxStallMs = 30_000, elapsed = monotonic, callLog } = parts;
  const { maxInFlight = MAX_IN_FLIGHT } = parts;
  let inFlight = 0;
  const settled = () => {
    inFlight--;
  };

  return {
    async invoke(rpc, read, call) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      try {
        if (inFlight >= maxInFlight) throw overloaded();
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const ms = Math.min(rpc.maxCallMs ?? maxCallMs, call.timeoutMs);
        if (ms <= 0) throw deadlineExceeded();
        const authenticated = { ...call, caller: entry.caller, deadline: entry.start + ms };
        const work = rpc.handle(request, authenticated);
        inFlight++;
        const answer = await inTime(work, ms, settled);
        callLog.answered(entry);
        return answer;
      } catch (thrown) {
        throw refuse(entry, thrown);
      }
    },

    async invokeStream(rpc, read, call, send) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      try {
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const { caller } = entry;
        const deadline = entry.start + call.timeoutMs;
        await stream(rpc.handle(request, { ...call, caller, deadline }), call, send);
        callLog.answered(entry);
      } catch (thrown) {
        throw refuse(entry, thrown);
      }
    },
  };

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
  async function stream<Response>(
    responses: AsyncGenerator<Response, void, void>,
    { signal }: { readonly signal: AbortSignal },
    send: (response: Response) => Promise<void>,
  ): Promise<void> {
    try {
      let next = await responses.next();
      while (!next.done) {
        const { value } = next;
        const outcome = await handOver(() => send(value), signal, maxStallMs);
        if (outcome === 'aborted' && signal.reason !== STOPPING) break;
        next =
          outcome === 'taken'
            ? await responses.next()
            : await responses.throw(outcome === 'stalled' ? tooSlow(maxStallMs) : stopping());
      }
    } finally {
      await responses.return();
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
 * Answers `deadline_exceeded` when the work is not done in time. The work itself is not stopped: a write that
 * is under way may still land, which is what an idempotency key is for.
 *
 * @param settled called when the work is over, answered or not
 */
function inTime<T>(work: Promise<T>, ms: number, settled: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(deadlineExceeded()), ms);
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

function tooSlow(maxStallMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `A message was not taken within ${maxStallMs / 1000} s.`);
}
