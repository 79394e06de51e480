import { explainIntents, explainQuestions } from '../../catalog/explain-offer.js';
import { PUBLIC_KEY } from '../../catalog/public-key.js';
import type { Deps } from '../../deps.js';
import { requireTenantAccess } from '../../rpc/authorize.js';
import { unary } from '../../rpc/define.js';
import { explainDecisions } from '../../sessions/explain-decisions.js';

/** ExplainOpen says what OpenSession would answer now, and why. It writes nothing, not even an audit entry. */
export const explainOpen = unary('explainOpen', {
  scope: 'read',
  handle:
    ({ views, now }: Pick<Deps, 'views' | 'now'>) =>
    async (request, call) => {
      const widget = PUBLIC_KEY.test(request.publicKey) ? await views.read(request.publicKey) : undefined;
      // No tenant has an empty slug: only a caller of all tenants may learn that a key is unknown.
      requireTenantAccess(call, widget?.view.tenantSlug ?? '');
      const decisions = await explainDecisions(request, widget?.view, now());
      const refusal = decisions.find(({ passes }) => !passes);
      return {
        allowed: refusal === undefined,
        code: refusal?.code ?? '',
        tenant: widget?.view.tenantSlug ?? '',
        widgetKeyId: widget?.key.id ?? '',
        decisions: decisions.map(({ code: _, ...decision }) => decision),
        intents: widget ? explainIntents(widget.tenant, widget.key) : [],
        quickQuestions: widget ? explainQuestions(widget.tenant, widget.key) : [],
      };
    },
});
