import type { MessageShape } from '@bufbuild/protobuf';
import type { Caller } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { createPipeline, type Pipeline } from '../../src/rpc/invoke.js';
import type { StreamRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';

/** A stream as its reader drives it: an answer is taken when the next one is asked for. */
export interface DrivenStream<Response> {
  /** The next answer; undefined at the end. @throws ServiceError */
  readonly next: () => Promise<Response | undefined>;
  /** Settles as the call does: what is not taken stays so. */
  readonly ended: () => Promise<void>;
  /** The caller hangs up. Resolves when the handler has cleaned up. */
  readonly hangUp: () => Promise<void>;
}

/** A pipeline for streams of one caller, without a log. */
export function streamPipeline(caller: Caller | undefined, elapsed: () => number): Pipeline {
  return createPipeline({
    authenticate: () => caller,
    maxCallMs: 5_000,
    elapsed,
    callLog: createCallLog(createLog('silent'), elapsed),
  });
}

/** Calls a stream RPC through a pipeline, with its first answer. */
export function driveStream<Response, Input extends StreamRpc<unknown, Response>['method']['input']>(
  { invokeStream }: Pipeline,
  // biome-ignore lint/suspicious/noExplicitAny: the request's own type does not matter here.
  rpc: StreamRpc<any, Response, Input>,
  message: MessageShape<Input>,
): DrivenStream<Response> {
  let hangUp = () => {};
  let take = () => {};
  let deliver: ((response: Response) => void) | undefined;
  const untaken: Response[] = [];
  let ended: Promise<void> | undefined;
  const start = () =>
    invokeStream(
      rpc,
      () => message,
      {
        surface: 'engine',
        transport: 'grpc',
        requestId: 'r',
        timeoutMs: Number.POSITIVE_INFINITY,
        header: () => undefined,
        onGone: (listener) => {
          hangUp = listener;
        },
      },
      (response) => {
        if (deliver) deliver(response);
        else untaken.push(response);
        return new Promise((resolve) => {
          take = resolve;
        });
      },
    );

  return {
    next() {
      ended ??= start();
      // A failure that comes between two answers is told by the next one.
      ended.catch(() => {});
      const [waiting] = untaken.splice(0, 1);
      if (waiting !== undefined) return Promise.resolve(waiting);
      const answer = new Promise<Response>((resolve) => {
        deliver = (response) => {
          deliver = undefined;
          resolve(response);
        };
      });
      take();
      return Promise.race([answer, ended.then(() => undefined)]);
    },
    ended: async () => ended,
    async hangUp() {
      hangUp();
      await ended;
    },
  };
}
