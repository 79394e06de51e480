import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { slugViolations } from '../../catalog/slug-rule.js';
import { withKeyEnabled } from '../../catalog/widget-key-changes.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** SetWidgetKeyEnabled enables or disables a widget key. */
export const setWidgetKeyEnabled = unary('setWidgetKeyEnabled', {
  scope: 'catalog',
  rules: ({ name }) => slugViolations('name', name),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const { revision } = await changeExisting(deps, request, call, ({ keys }) => ({
      keys: withKeyEnabled(keys, request.name, request.enabled),
      answer: undefined,
    }));
    return { revision };
  },
});
