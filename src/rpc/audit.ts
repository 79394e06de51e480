import type { AuthenticatedCall } from './call.js';

/** One record of the audit log: a call that reads or erases personal data, or changes the catalogue. */
export interface AuditEntry {
  /** The name of the RPC, or `ApplyTenantFile`. */
  readonly action: string;
  readonly tenantId: string;
  /** The tenant's slug. */
  readonly tenant: string;
  /** The number of conversations or rows; unknown at the start of long work. */
  readonly count?: number;
  /** Long work has two entries, one before its first step and one at its end; a short call has one without a phase. */
  readonly phase?: 'started' | 'finished';
}

/** The audit log: append-only for the service. */
export interface AuditLog {
  /**
   * Adds an entry. The entry is durable once this resolves, and callers wait for that before they answer data.
   *
   * @throws ServiceError unavailable | internal
   */
  add(call: Pick<AuthenticatedCall, 'caller' | 'requestId'>, entry: AuditEntry): Promise<void>;
}

/** The audit log for one call: fills in the RPC, the tenant and the caller of each entry. */
export interface CallAudit {
  /** Adds the only entry of a short call: after its data is read, before it is answered. */
  readonly done: (count: number) => Promise<void>;
  /** Runs work between an entry `started` and an entry `finished`, which has the count even when the work fails. */
  readonly bracket: <T>(work: (tally: Tally) => Promise<T>) => Promise<T>;
  /** {@link CallAudit.bracket} for work that yields a stream. */
  readonly bracketStream: <T>(work: (tally: Tally) => AsyncIterable<T>) => AsyncGenerator<T, void, void>;
}

/** A counter of conversations or rows, which the work increments. */
export interface Tally {
  count: number;
}

/** Creates the audit of one call. */
export function createCallAudit(
  log: AuditLog,
  call: AuthenticatedCall,
  entry: Pick<AuditEntry, 'action' | 'tenantId' | 'tenant'>,
): CallAudit {
  const started = () => log.add(call, { ...entry, phase: 'started' });
  const finished = ({ count }: Tally) => log.add(call, { ...entry, phase: 'finished', count });

  return {
    done: (count) => log.add(call, { ...entry, count }),

    async bracket(work) {
      const tally = { count: 0 };
      await started();
      try {
        return await work(tally);
      } finally {
        await finished(tally);
      }
    },

    async *bracketStream(work) {
      const tally = { count: 0 };
      await started();
      try {
        yield* work(tally);
      } finally {
        await finished(tally);
      }
    },
  };
}
