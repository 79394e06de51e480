import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { parseFlow, requireSpec, toFlowDefinition, violationsOf } from '../../catalog/definition.js';
import { flowId } from '../../catalog/flow-id.js';
import { withFlow } from '../../catalog/flows.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** UpsertFlow creates a flow, or replaces the flow of its slug. */
export const upsertFlow = unary('upsertFlow', {
  scope: 'catalog',
  rules: ({ flow }) => violationsOf('flow', parseFlow(flow ?? {}).faults),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const spec = requireSpec(parseFlow(request.flow ?? {}), 'flow');
    const { answer, revision } = await changeExisting(deps, request, call, ({ tenant }) => {
      const stored = tenant.flows.find(({ slug }) => slug === spec.slug);
      const flow = { ...spec, id: spec.id ?? stored?.id ?? flowId(tenant.slug, spec.slug) };
      return { tenant: withFlow(tenant, flow), answer: flow };
    });
    return { flow: toFlowDefinition(answer), revision };
  },
});
