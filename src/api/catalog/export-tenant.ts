import { readTenant } from '../../catalog/change-tenant.js';
import { toDefinition } from '../../catalog/definition.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

/** ExportTenant answers a tenant as the definition that ApplyTenant takes, audited. */
export const exportTenant = unary('exportTenant', {
  scope: 'read',
  handle:
    (deps: Pick<Deps, 'catalog' | 'now' | 'wait'>) =>
    async (_request, { tenantId, audit, signal }) => {
      const stored = await readTenant(deps, () => deps.catalog.findTenant(tenantId), signal);
      if (!stored) throw new ServiceError('not_found', 'There is no such tenant.');
      const { tenant, keys } = stored;
      await audit.done(tenant.flows.length + tenant.quickQuestions.length + keys.length);
      return { definition: toDefinition(tenant, keys), revision: tenant.revision };
    },
});
