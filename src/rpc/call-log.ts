import type { Logger } from 'pino';
import { boundedLine } from '../telemetry/bounded-line.js';
import type { Elapsed } from '../time/elapsed.js';
import type { Call, Caller } from './call.js';
import type { ErrorCode, ServiceError } from './errors.js';
import type { AnyRpc, AnyStreamRpc } from './rpc.js';

/** A call as the log knows it. */
export interface LoggedCall {
  readonly rpc: AnyRpc | AnyStreamRpc;
  readonly call: Call;
  /** When it came, in ms of the log's clock. */
  readonly start: number;
  /** Known once the caller is let in. */
  readonly caller: Caller | undefined;
}

/** What is refused before there is a call: no such path, too large, not HTTP, one connection too many. */
export interface EarlyRefusal {
  readonly transport: Call['transport'];
  readonly code: ErrorCode;
  readonly requestId?: string;
  /** The cause in a word or a sentence of ours, never a caller's text. */
  readonly reason?: string | undefined;
  /** How many, where several are told together. */
  readonly count?: number;
}

/** Writes what becomes of calls: each kind of line at most 20 times a second, the rest counted (see bounded-line.ts). */
export interface CallLog {
  /** A call that was answered: at the level debug only. */
  answered(call: LoggedCall): void;
  /** A call that the pipeline refused, or that failed. */
  refused(call: LoggedCall, error: ServiceError): void;
  /** A request that an edge refused. */
  refusedEarly(refusal: EarlyRefusal): void;
  /** A mistake of ours outside the pipeline: an answer that could not be given. */
  failed(error: unknown): void;
}

/** Makes the log of calls: one for all edges, so that its bounds hold for the process. */
export function createCallLog(log: Logger, elapsed: Elapsed): CallLog {
  const line = (level: 'info' | 'warn' | 'error', message: string) =>
    boundedLine({ log, level, message, elapsed });
  const callRefused = line('info', 'call refused');
  const callNotDone = line('warn', 'call failed');
  const callBroken = line('error', 'call failed');
  const requestRefused = line('info', 'request refused');
  const requestNotTaken = line('warn', 'request refused');
  const requestBroken = line('error', 'request failed');

  const describe = ({ rpc, call, caller, start }: LoggedCall) => ({
    rpc: rpc.method.name,
    transport: call.transport,
    requestId: call.requestId,
    ...(caller !== undefined && { caller: caller.name }),
    ms: Math.round(elapsed() - start),
  });

  return {
    answered(call) {
      if (log.isLevelEnabled('debug')) log.debug({ ...describe(call), code: 'ok' }, 'call');
    },

    refused(entry, { code, cause }) {
      if (code === 'internal') callBroken(() => ({ ...describe(entry), code, err: cause }));
      else if (code === 'unavailable' || (code === 'deadline_exceeded' && !choseDeadline(entry.call)))
        callNotDone(() => ({ ...describe(entry), code, cause }));
      else callRefused(() => ({ ...describe(entry), code }));
    },

    refusedEarly(refusal) {
      const write = refusal.code === 'unavailable' ? requestNotTaken : requestRefused;
      write(() => ({ ...refusal }));
    },

    failed: (error) => requestBroken(() => ({ err: error })),
  };
}

/** Whether the caller said how long it waits: a deadline that passes is then its wish, not a sign of trouble here. */
function choseDeadline({ timeoutMs }: Call): boolean {
  return Number.isFinite(timeoutMs);
}
