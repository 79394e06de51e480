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
  /** Of what takes its time: an entry when it begins, before anything is done, and one when it is over. */
  readonly phase?: 'started' | 'finished';
}

/** The audit: entries are added, and never changed or removed by the service. */
export interface AuditLog {
  /**
   * Adds an entry, durably before it resolves. Whoever answers data waits for it.
   *
   * @throws ServiceError unavailable | internal
   */
  add(call: Pick<AuthenticatedCall, 'caller' | 'requestId'>, entry: AuditEntry): Promise<void>;
}
