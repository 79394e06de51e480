import { toFlowDefinition } from '../../catalog/definition.js';
import { requireTenant } from '../../catalog/require-tenant.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** ListFlows: all flows of a tenant in their order, audited. */
export const listFlows = unary('listFlows', {
  scope: 'read',
  handle:
    ({ catalog }: Pick<Deps, 'catalog'>) =>
    async (_request, { tenantId, audit }) => {
      const { flows, revision } = await requireTenant(catalog, tenantId);
      await audit.done(flows.length);
      return { flows: flows.map(toFlowDefinition), revision };
    },
});
