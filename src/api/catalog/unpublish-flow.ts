import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { withPublished } from '../../catalog/flows.js';
import { slugViolations } from '../../catalog/slug-rule.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** UnpublishFlow makes a flow a draft. */
export const unpublishFlow = unary('unpublishFlow', {
  scope: 'catalog',
  rules: ({ flow }) => slugViolations('flow', flow),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const { revision } = await changeExisting(deps, request, call, ({ tenant }) => ({
      tenant: withPublished(tenant, request.flow, false),
      answer: undefined,
    }));
    return { revision };
  },
});
