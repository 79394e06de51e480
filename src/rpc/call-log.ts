import type { Logger } from 'pino';
import { boundedLine } from '../telemetry/bounded-line.js';
import type { Elapsed } from '../time/elapsed.js';
import type { Call, Caller } from './call.js';
import type { ErrorCode, ServiceError } from './errors.js';
import type { AnyRpc, AnyStreamRpc } from './rpc.js';

/** What the log needs to know about a call. */
export interface LoggedCall {
  readonly rpc: AnyRpc | AnyStreamRpc;
  readonly call: Call;
  /** When the call arrived, in ms of the log's monotonic clock. */
  readonly start: number;
  /** Undefined until the caller is authenticated. */
  readonly caller: Caller | undefined;
}

/** A request that an edge refuses before it is a call: no such path, too large, not HTTP, too many connections. */
export interface EarlyRefusal {
  readonly transport: Call['transport'];
  readonly code: ErrorCode;
  readonly requestId?: string;
  /** The cause in a word or a sentence of the service, never text from a caller. */
  readonly reason?: string | undefined;
  /** The number of refusals, where one line stands for several. */
  readonly count?: number;
}

/** The log of calls: at most 20 lines per second of each kind, the rest is counted (see bounded-line.ts). */
export interface CallLog {
  /** Logs a call that was answered, at level debug only. */
  answered(call: LoggedCall): void;
  /** Logs a call that the pipeline refused, or that failed. */
  refused(call: LoggedCall, error: ServiceError): void;
  /** Logs a request that an edge refused. */
  refusedEarly(refusal: EarlyRefusal): void;
  /** Logs a bug outside the pipeline: an answer that could not be sent. */
  failed(error: unknown): void;
}

/** Creates the log of calls. All edges share one, so that its rate limits hold for the process. */
export function createCallLog(log: Logger, elapsed: Elapsed): CallLog {
  const line = (level: 'info' | 'warn' | 'error', message: string) =>
    boundedLine({ log, level, message, elapsed });
  const infoCallRefused = line('info', 'call refused');
  const warnCallFailed = line('warn', 'call failed');
  const errorCallFailed = line('error', 'call failed');
  const infoRequestRefused = line('info', 'request refused');
  const warnRequestRefused = line('warn', 'request refused');
  const errorRequestFailed = line('error', 'request failed');

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

    refused(entry, { code, cause, log: describeRefusal }) {
      if (code === 'internal') errorCallFailed(() => ({ ...describe(entry), code, err: cause }));
      else if (code === 'unavailable' || (code === 'deadline_exceeded' && !hasCallerDeadline(entry.call)))
        warnCallFailed(() => ({ ...describe(entry), code, cause }));
      else infoCallRefused(() => ({ ...describe(entry), code, ...describeRefusal?.() }));
    },

    refusedEarly(refusal) {
      const write = refusal.code === 'unavailable' ? warnRequestRefused : infoRequestRefused;
      write(() => ({ ...refusal }));
    },

    failed: (error) => errorRequestFailed(() => ({ err: error })),
  };
}

/** Whether the caller set a deadline. When it passes, the caller may have set it too short: no reason for a warning. */
function hasCallerDeadline({ timeoutMs }: Call): boolean {
  return Number.isFinite(timeoutMs);
}
