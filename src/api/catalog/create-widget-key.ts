import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { type CreateKeyDeps, createKey } from '../../catalog/create-key.js';
import { parseWidgetKey, requireSpec, violationsOf } from '../../catalog/definition.js';
import { toWidgetKey } from '../../catalog/key-message.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** CreateWidgetKey creates a widget key, with an identity secret if its customers are verified. */
export const createWidgetKey = unary('createWidgetKey', {
  scope: 'catalog',
  rules: ({ widgetKey }) => violationsOf('widgetKey', parseWidgetKey(widgetKey ?? {}).faults),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps | keyof CreateKeyDeps>) => async (request, call) => {
    const spec = requireSpec(parseWidgetKey(request.widgetKey ?? {}), 'widgetKey');
    const { answer, revision } = await changeExisting(deps, request, call, (stored) =>
      createKey(deps, stored, spec),
    );
    return {
      widgetKey: toWidgetKey(answer.key, deps.now()),
      identitySecret: answer.identitySecret,
      revision,
    };
  },
});
