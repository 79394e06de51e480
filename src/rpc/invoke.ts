import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import { requireScope } from './authorize.js';
import { type AuthenticatedCall, type Call, type Caller, STOPPING } from './call.js';
import { bridgeRequest } from './door.js';
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
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Makes the pipeline of a service: one for all its edges. */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { authenticate, maxCallMs, maxStallMs = 30_000, now } = parts;

  return {
    invoke: (rpc, read, call) =>
      logged(rpc, call, async (admit) => {
        const start = now();
        const { message, caller } = admit(read);
        const deadline = start + Math.min(rpc.maxCallMs ?? maxCallMs, call.timeoutMs);
        const authenticated: AuthenticatedCall = { ...call, caller, deadline };
        return withDeadline(
          async () => rpc.handle(bridgeRequest(rpc, message), authenticated),
          deadline - start,
        );
      }),

    invokeStream: (rpc, read, call, send) =>
      logged(rpc, call, async (admit) => {
        const { message, caller } = admit(read);
        const responses = rpc.handle(bridgeRequest(rpc, message), {
          ...call,
          caller,
          deadline: now() + call.timeoutMs,
        });
        const { signal } = call;
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
      }),
  };

  /** Runs a call and logs what became of it. `admit` lets the caller in, and reads and checks the request. */
  async function logged<R extends AnyRpc | AnyStreamRpc, T>(
    rpc: R,
    call: Call,
    run: (admit: Admit<R>) => Promise<T>,
  ): Promise<T> {
    const { log } = parts;
    const start = now();
    let caller: Caller | undefined;
    const line = () => ({
      rpc: rpc.method.name,
      transport: call.transport,
      requestId: call.requestId,
      ...(caller !== undefined && { caller: caller.name }),
      ms: now() - start,
    });
    try {
      const answer = await run((read) => {
        caller = authenticate(call);
        requireScope(caller, rpc.scope);
        const message = read();
        const violations = rpc.rules(message);
        if (violations.length > 0) throw rulesBroken(call.surface, violations);
        return { message, caller };
      });
      if (log.isLevelEnabled('debug')) log.debug({ ...line(), code: 'ok' }, 'call');
      return answer;
    } catch (thrown) {
      const error = toServiceError(thrown);
      const fields = { ...line(), code: error.code };
      if (error.code === 'internal') log.error({ ...fields, err: error.cause }, 'call failed');
      else if (error.code === 'unavailable' || error.code === 'deadline_exceeded')
        log.warn({ ...fields, err: error.cause }, 'call failed');
      else log.info(fields, 'call refused');
      throw error;
    }
  }
}

/** Lets the caller of an RPC in. @throws ServiceError */
type Admit<R extends AnyRpc | AnyStreamRpc> = (read: () => MessageShape<R['method']['input']>) => {
  readonly message: MessageShape<R['method']['input']>;
  readonly caller: Caller | undefined;
};

/**
 * Answers `deadline_exceeded` when the work is not done in time. The work itself is not stopped: a write that
 * is under way may still land, which is what an idempotency key is for.
 */
function withDeadline<T>(work: () => Promise<T>, ms: number): Promise<T> {
  if (ms <= 0) return Promise.reject(deadlineExceeded());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(deadlineExceeded()), ms);
    const settled = () => clearTimeout(timer);
    work().finally(settled).then(resolve, reject);
  });
}

function tooSlow(maxStallMs: number): ServiceError {
  return new ServiceError('reader_too_slow', `A message was not taken within ${maxStallMs / 1000} s.`);
}
