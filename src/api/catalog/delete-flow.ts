import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { withoutFlow } from '../../catalog/flows.js';
import { slugViolations } from '../../catalog/slug-rule.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** DeleteFlow deletes a flow; its quick questions stay, without a flow. */
export const deleteFlow = unary('deleteFlow', {
  scope: 'catalog',
  rules: ({ flow }) => slugViolations('flow', flow),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const { revision } = await changeExisting(deps, request, call, ({ tenant }) => ({
      tenant: withoutFlow(tenant, request.flow),
      answer: undefined,
    }));
    return { revision };
  },
});
