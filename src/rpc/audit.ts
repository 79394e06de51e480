import type { AuthenticatedCall } from './call.js';

/** What is written down of a call that reads or erases personal data, or changes the catalogue. */
export interface AuditEntry {
  /** The RPC, or the command. */
  readonly action: string;
  readonly tenantId: string;
  /** The tenant's slug. */
  readonly tenant: string;
  /** How many conversations or rows; unknown when it begins. */
  readonly count?: number;
  /** Work that takes long has two entries: one before anything is done, and one when it is over. */
  readonly phase?: 'started' | 'finished';
}

/** The audit: entries are added, and never changed or removed by the service. */
export interface AuditLog {
  /**
   * Adds an entry, durably before it resolves. Data is answered only after that.
   *
   * @throws ServiceError unavailable | internal
   */
  add(call: Pick<AuthenticatedCall, 'caller' | 'requestId'>, entry: AuditEntry): Promise<void>;
}

/** The audit of one call: its entries name the RPC, the tenant and the caller by themselves. */
export interface CallAudit {
  /** Adds the one entry of a short call, when its data is read and before it is answered. */
  readonly done: (count: number) => Promise<void>;
  /** Does work between an entry `started` and an entry `finished`, which has the tally however the work ends. */
  readonly bracket: <T>(work: (tally: Tally) => Promise<T>) => Promise<T>;
  /** The same for work that answers a stream. */
  readonly bracketStream: <T>(work: (tally: Tally) => AsyncIterable<T>) => AsyncGenerator<T, void, void>;
}

/** Counts conversations or rows while the work goes on. */
export interface Tally {
  count: number;
}

/** Makes the audit of one call. */
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
