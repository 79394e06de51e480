import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { slugViolations } from '../../catalog/slug-rule.js';
import { withoutKey } from '../../catalog/widget-key-changes.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** RevokeWidgetKey deletes a widget key for good, with its public keys and its identity secret. */
export const revokeWidgetKey = unary('revokeWidgetKey', {
  scope: 'catalog',
  rules: ({ name }) => slugViolations('name', name),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const { revision } = await changeExisting(deps, request, call, ({ keys }) => ({
      keys: withoutKey(keys, request.name),
      answer: undefined,
    }));
    return { revision };
  },
});
