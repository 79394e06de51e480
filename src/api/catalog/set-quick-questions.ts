import { changeExisting } from '../../catalog/change-existing.js';
import type { ChangeTenantDeps } from '../../catalog/change-tenant.js';
import { parseQuickQuestions, requireSpec, violationsOf } from '../../catalog/definition.js';
import { withQuickQuestions } from '../../catalog/flows.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';

/** SetQuickQuestions replaces the quick questions of a tenant. */
export const setQuickQuestions = unary('setQuickQuestions', {
  scope: 'catalog',
  rules: ({ quickQuestions }) => violationsOf('quickQuestions', parseQuickQuestions(quickQuestions).faults),
  handle: (deps: Pick<Deps, keyof ChangeTenantDeps>) => async (request, call) => {
    const questions = requireSpec(parseQuickQuestions(request.quickQuestions), 'quickQuestions');
    const { revision } = await changeExisting(deps, request, call, ({ tenant }) => ({
      tenant: withQuickQuestions(tenant, questions),
      answer: undefined,
    }));
    return { revision };
  },
});
