import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import { createAllowance } from './allowance.js';
import { requireScope } from './authorize.js';
import { type Call, type Caller, STOPPING } from './call.js';
import { bridgeRequest } from './door.js';
import { type Elapsed, elapsed as monotonic } from './elapsed.js';
import { deadlineExceeded, rulesBroken, ServiceError, stopping, toServiceError } from './errors.js';
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
  readonly elapsed?: Elapsed;
  readonly log: Logger;
}

/** Makes the pipeline of a service: one for all its edges. */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { authenticate, maxCallMs, maxStallMs = 30_000, elapsed = monotonic, log } = parts;
  const refusals = createAllowance(REFUSALS_LOGGED, elapsed);

  return {
    async invoke(rpc, read, call) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      try {
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const ms = Math.min(rpc.maxCallMs ?? maxCallMs, call.timeoutMs);
        if (ms <= 0) throw deadlineExceeded();
        const authenticated = { ...call, caller: entry.caller, deadline: entry.start + ms };
        const answer = await inTime(rpc.handle(request, authenticated), ms);
        logAnswer(entry);
        return answer;
      } catch (thrown) {
        throw logRefusal(entry, thrown);
      }
    },

    async invokeStream(rpc, read, call, send) {
      const entry: Entry = { rpc, call, start: elapsed(), caller: undefined };
      try {
        const request = bridgeRequest(rpc, admit(entry, rpc, read));
        const { caller } = entry;
        const deadline = entry.start + call.timeoutMs;
        await stream(rpc.handle(request, { ...call, caller, deadline }), call, send);
        logAnswer(entry);
      } catch (thrown) {
        throw logRefusal(entry, thrown);
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

  function logAnswer(entry: Entry): void {
    if (log.isLevelEnabled('debug')) log.debug({ ...line(entry), code: 'ok' }, 'call');
  }

  /** Logs why a call is refused. @returns the error for its caller */
  function logRefusal(entry: Entry, thrown: unknown): ServiceError {
    const error = toServiceError(thrown);
    const fields = { ...line(entry), code: error.code };
    if (error.code === 'internal') log.error({ ...fields, err: error.cause }, 'call failed');
    else if (error.code === 'unavailable' || error.code === 'deadline_exceeded')
      log.warn({ ...fields, err: error.cause }, 'call failed');
    else {
      const unlogged = log.isLevelEnabled('debug') ? 0 : refusals.take();
      if (unlogged !== undefined) log.info(unlogged > 0 ? { ...fields, unlogged } : fields, 'call refused');
    }
    return error;
  }

  function line({ rpc, call, caller, start }: Entry) {
    return {
      rpc: rpc.method.name,
      transport: call.transport,
      requestId: call.requestId,
      ...(caller !== undefined && { caller: caller.name }),
      ms: Math.round(elapsed() - start),
    };
  }
}

/**
 * How many refused calls are logged in a second, but all at the level debug: whoever sends thousands must not fill the
 * disk, nor cost a line each.
 */
const REFUSALS_LOGGED = 20;

/** A call in the log. */
interface Entry {
  readonly rpc: AnyRpc | AnyStreamRpc;
  readonly call: Call;
  /** In ms of `elapsed`. */
  readonly start: number;
  /** Known once it is let in. */
  caller: Caller | undefined;
}

/**
 * Answers `deadline_exceeded` when the work is not done in time. The work itself is not stopped: a write that
 * is under way may still land, which is what an idempotency key is for.
 */
function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(deadlineExceeded()), ms);
    work.then(
      (answer) => {
        clearTimeout(timer);
        resolve(answer);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function tooSlow(maxStallMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `A message was not taken within ${maxStallMs / 1000} s.`);
}
