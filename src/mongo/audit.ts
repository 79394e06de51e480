import type { AuditLog } from '../rpc/audit.js';
import type { Database } from './database.js';
import { operate } from './errors.js';
import { toStored } from './stored-uuid.js';

/** What the audit needs. */
export interface MongoAuditDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A new UUIDv7. */
  readonly newId: () => string;
}

/** The audit in MongoDB: a collection that is only ever inserted into. */
export function mongoAudit({ audit }: Pick<Database, 'audit'>, { now, newId }: MongoAuditDeps): AuditLog {
  return {
    add: ({ caller, requestId }, { tenantId, ...entry }) =>
      operate(async () => {
        await audit.insertOne({
          _id: toStored(newId()),
          at: new Date(now()),
          ...(caller && { caller: caller.name }),
          requestId,
          ...entry,
          tenantId: toStored(tenantId),
        });
      }),
  };
}
