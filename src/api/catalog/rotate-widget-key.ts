import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { toWidgetKey } from '../../catalog/key-message.js';
import { overlapMsOf, overlapViolations } from '../../catalog/overlap.js';
import { endedPublicKeys } from '../../catalog/public-keys.js';
import { slugViolations } from '../../catalog/slug-rule.js';
import { requireKey, withRotatedKey } from '../../catalog/widget-key-changes.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** RotateWidgetKey gives a widget key a new public key; the one of before works for an overlap. */
export const rotateWidgetKey = unary('rotateWidgetKey', {
  scope: 'catalog',
  rules: ({ name, overlap }) => [...slugViolations('name', name), ...overlapViolations(overlap)],
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps | 'newId' | 'newPublicKey'>) => async (request, call) => {
    const { tenantId } = call;
    const { answer, revision } = await changeExisting(deps, request, call, (stored) => {
      const publicKey = deps.newPublicKey();
      const step = { newPublicKey: publicKey, overlapMs: overlapMsOf(request.overlap), now: deps.now() };
      const keys = withRotatedKey(stored.keys, request.name, step);
      const key = requireKey(keys, request.name);
      const ended = endedPublicKeys(requireKey(stored.keys, request.name), key);
      const aliases = [{ id: deps.newId(), publicKey, keyId: key.id, tenantId }];
      return { keys, aliases, answer: { key, ended } };
    });
    await deps.catalog.deleteAliases(answer.key, answer.ended);
    return { widgetKey: toWidgetKey(answer.key, deps.now()), revision };
  },
});
