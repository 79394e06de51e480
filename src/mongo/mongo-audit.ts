import type { AuditLog } from '../rpc/audit.js';
import { uuidToBinary } from './binary-uuid.js';
import type { Database } from './database.js';
import { runOperation } from './driver-errors.js';

/** The dependencies of {@link mongoAudit}. */
export interface MongoAuditDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A new UUIDv7. */
  readonly newId: () => string;
}

/** The audit log in MongoDB: a collection into which entries are only inserted. */
export function mongoAudit({ audit }: Pick<Database, 'audit'>, { now, newId }: MongoAuditDeps): AuditLog {
  return {
    add: ({ caller, requestId }, { tenantId, ...entry }) =>
      runOperation(async () => {
        await audit.insertOne({
          _id: uuidToBinary(newId()),
          at: new Date(now()),
          ...(caller && { caller: caller.name }),
          requestId,
          ...entry,
          tenantId: uuidToBinary(tenantId),
        });
      }),
  };
}
