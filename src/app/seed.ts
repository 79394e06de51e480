import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { ApplyError } from '../catalog/apply-error.js';
import { type AppliedTenant, type ApplyTenantsDeps, applyTenants } from '../catalog/apply-tenants.js';
import { newPublicKey } from '../catalog/public-key.js';
import { parseTenantFile } from '../catalog/tenant-file.js';
import type { AuditEntry, AuditLog } from '../rpc/audit.js';
import { ServiceError } from '../rpc/errors.js';
import { YamlFileError } from '../yaml/yaml-file.js';
import { StartError } from './start-error.js';
import { readText } from './text-file.js';

/** What `applyTenantFile` needs. */
export interface SeedDeps
  extends Omit<
    ApplyTenantsDeps,
    'newPublicKey' | 'audited' | 'freshness' | 'originReports' | 'changeQueue' | 'wait'
  > {
  readonly audit: AuditLog;
  /** Announces that a tenant will change, to the processes that serve already: see change-log.ts. */
  readonly announce: (tenantId: string) => Promise<void>;
}

/** Applies a tenant file and adds each change of a tenant to the audit log. @throws StartError */
export async function applyTenantFile(file: string | URL, deps: SeedDeps): Promise<readonly AppliedTenant[]> {
  const fileName = file instanceof URL ? 'demo-tenant.yaml' : file;
  const text = await readText('SEED_FILE', file, fileName);
  let finish: (() => Promise<void>) | undefined;
  try {
    return await applyTenants(parseTenantFile(text, { fileName }), {
      ...deps,
      newPublicKey: () => newPublicKey(randomBytes),
      freshness: {
        change: async (tenantId, writes) => {
          await deps.announce(tenantId);
          return writes();
        },
      },
      originReports: { deleteOriginReports: async () => {} },
      changeQueue: (_slug, work) => work(),
      wait: (ms) => setTimeout(ms),

      async audited({ id, slug }, writes) {
        const add = (entry: Pick<AuditEntry, 'phase' | 'count'>) =>
          deps.audit.add(
            { caller: undefined, requestId: 'start' },
            { action: 'ApplyTenantFile', tenantId: id, tenant: slug, ...entry },
          );
        const tally = { count: 0 };
        await add({ phase: 'started' });
        finish = () => add({ phase: 'finished', count: tally.count });
        try {
          return await writes(tally);
        } catch (error) {
          await finish();
          throw error;
        }
      },

      async onApplied(applied) {
        // Before the audit entry, which may fail: onApplied shows new identity secrets, and they cannot be shown later.
        await deps.onApplied?.(applied);
        await finish?.();
        finish = undefined;
      },
    });
  } catch (error) {
    if (error instanceof YamlFileError || error instanceof ApplyError || error instanceof ServiceError) {
      throw new StartError(error.message);
    }
    throw error;
  }
}
