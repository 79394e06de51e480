import { toWidgetKey } from '../../catalog/key-message.js';
import { requireTenant } from '../../catalog/require-tenant.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** ListWidgetKeys: all widget keys of a tenant by name, audited. */
export const listWidgetKeys = unary('listWidgetKeys', {
  scope: 'read',
  handle:
    ({ catalog, now }: Pick<Deps, 'catalog' | 'now'>) =>
    async (_request, { tenantId, audit }) => {
      const { revision } = await requireTenant(catalog, tenantId);
      const keys = (await catalog.keysOf(tenantId)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      await audit.done(keys.length);
      return { widgetKeys: keys.map((key) => toWidgetKey(key, now())), revision };
    },
});
