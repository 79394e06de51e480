import { rulesBroken, ServiceError, type Violation } from '../rpc/errors.js';
import { nearest } from '../yaml/nearest.js';
import type { Flow, Tenant } from './model.js';
import type { QuickQuestionSpec } from './tenant-spec.js';

/** The most flows of a tenant. */
export const MAX_FLOWS = 200;

/**
 * A tenant with a flow added at the end, or put in the place of the flow of the same slug.
 *
 * @throws ServiceError invalid_input with all broken rules
 */
export function withFlow(tenant: Tenant, flow: Flow): Tenant {
  const others = tenant.flows.filter(({ slug }) => slug !== flow.slug);
  const stored = tenant.flows.find(({ slug }) => slug === flow.slug);
  const violations = publishedTwice(others, flow, 'flow.intent.name');
  if (stored && stored.id !== flow.id) {
    const message = `flow.id cannot change: the flow ${flow.slug} has the id ${stored.id}.`;
    violations.push({ field: 'flow.id', rule: 'flow_id.fixed', message });
  }
  const holder = others.find(({ id }) => id === flow.id);
  if (holder) {
    const message = `flow.id is that of the flow ${holder.slug}.`;
    violations.push({ field: 'flow.id', rule: 'flow_id.unique', message });
  }
  if (!stored && others.length >= MAX_FLOWS) {
    const message = `A tenant has at most ${MAX_FLOWS} flows: delete one first.`;
    violations.push({ field: 'flow', rule: 'flows.max_items', message });
  }
  if (violations.length > 0) throw rulesBroken(violations);
  return stored ? replaceFlow(tenant, flow) : { ...tenant, flows: [...tenant.flows, flow] };
}

/**
 * A tenant with a flow published, or made a draft.
 *
 * @throws ServiceError not_found; invalid_input when another published flow has the intent
 */
export function withPublished(tenant: Tenant, slug: string, published: boolean): Tenant {
  const flow = tenant.flows.find((one) => one.slug === slug);
  if (!flow) throw new ServiceError('not_found', 'There is no such flow.');
  if (flow.published === published) return tenant;
  const others = tenant.flows.filter((one) => one !== flow);
  const violations = publishedTwice(others, { ...flow, published }, 'flow');
  if (violations.length > 0) throw rulesBroken(violations);
  return replaceFlow(tenant, { ...flow, published });
}

/** A tenant without a flow. Its quick questions stay, and those that are assigned to the flow lose it. */
export function withoutFlow(tenant: Tenant, slug: string): Tenant {
  const flow = tenant.flows.find((one) => one.slug === slug);
  if (!flow) return tenant;
  return {
    ...tenant,
    flows: tenant.flows.filter((one) => one !== flow),
    quickQuestions: tenant.quickQuestions.map((question) =>
      question.flowId === flow.id ? { ...question, flowId: undefined } : question,
    ),
  };
}

/** A tenant with other quick questions. @throws ServiceError invalid_input with those whose flow does not exist */
export function withQuickQuestions(tenant: Tenant, questions: readonly QuickQuestionSpec[]): Tenant {
  const ids = new Map(tenant.flows.map(({ slug, id }) => [slug, id]));
  const violations = questions.flatMap(({ flow }, n): Violation[] => {
    if (flow === undefined || ids.has(flow)) return [];
    const field = `quickQuestions[${n}].flow`;
    const hint = nearest(flow, [...ids.keys()]);
    const message = `${field}: no flow of this tenant has the slug ${JSON.stringify(flow)}${hint}.`;
    return [{ field, rule: 'flow.exists', message }];
  });
  if (violations.length > 0) throw rulesBroken(violations);
  return {
    ...tenant,
    quickQuestions: questions.map(({ question, pageType, flow }) => ({
      question,
      pageType,
      flowId: flow === undefined ? undefined : ids.get(flow),
    })),
  };
}

function replaceFlow(tenant: Tenant, flow: Flow): Tenant {
  return { ...tenant, flows: tenant.flows.map((one) => (one.slug === flow.slug ? flow : one)) };
}

/** The rule that of the published flows of a tenant each has another intent. */
function publishedTwice(others: readonly Flow[], flow: Flow, field: string): Violation[] {
  const { name } = flow.intent;
  const holder = others.find(({ published, intent }) => published && intent.name === name);
  if (!flow.published || !holder) return [];
  const message = `The published flow ${holder.slug} has the intent ${name} already: unpublish it first.`;
  return [{ field, rule: 'intent_name.published_once', message }];
}
