import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import type { AuthenticatedCall, Call } from './call.js';
import { bridgeRequest } from './door.js';
import { rulesBroken, ServiceError, toServiceError } from './errors.js';
import type { Rpc } from './rpc.js';

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

/** What the pipeline is made of. */
export interface InvokeParts {
  /** The engine caller's name, or undefined where callers need none. Throws ServiceError unauthenticated. */
  readonly authenticate: (call: Call) => string | undefined;
  /** The longest that a call may take, in ms; a caller may ask for less. */
  readonly maxCallMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

export function createInvoke({ authenticate, maxCallMs, now, log }: InvokeParts): Invoke {
  return async (rpc, read, call) => {
    const start = now();
    let caller: string | undefined;
    try {
      caller = authenticate(call);
      const message = read();
      const violations = rpc.rules(message);
      if (violations.length > 0) throw rulesBroken(call.surface, violations);

      const deadline = start + Math.min(maxCallMs, call.timeoutMs);
      const authenticated: AuthenticatedCall = { ...call, caller, deadline };
      const response = await withDeadline(
        async () => rpc.handle(bridgeRequest(rpc, message), authenticated),
        deadline - start,
      );
      if (log.isLevelEnabled('debug')) log.debug({ ...line(), code: 'ok' }, 'call');
      return response;
    } catch (thrown) {
      const error = toServiceError(thrown);
      const fields = { ...line(), code: error.code };
      if (error.code === 'internal') log.error({ ...fields, err: error.cause }, 'call failed');
      else if (error.code === 'unavailable' || error.code === 'deadline_exceeded')
        log.warn({ ...fields, err: error.cause }, 'call failed');
      else log.info(fields, 'call refused');
      throw error;
    }

    function line() {
      const { transport, requestId } = call;
      return {
        rpc: rpc.method.name,
        transport,
        requestId,
        ...(caller !== undefined && { caller }),
        ms: now() - start,
      };
    }
  };
}

/**
 * Answers `deadline_exceeded` when the work is not done in time. The work itself is not stopped: a write that
 * is under way may still land, which is what an idempotency key is for.
 */
function withDeadline<T>(work: () => Promise<T>, ms: number): Promise<T> {
  const late = () => new ServiceError('deadline_exceeded', 'The call was not done within its deadline.');
  if (ms <= 0) return Promise.reject(late());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    const settled = () => clearTimeout(timer);
    work().finally(settled).then(resolve, reject);
  });
}
