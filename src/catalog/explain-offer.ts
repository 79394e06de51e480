import type { Flow, QuickQuestion, Tenant, WidgetKey } from './model.js';

/** Why a widget shows an intent, or does not. */
export type IntentReason = 'shown' | 'not_allowed_by_key' | 'flow_in_draft' | 'no_such_flow';
/** Why a quick question starts an intent, or does not. */
export type QuestionReason = 'starts_intent' | 'no_flow' | 'flow_in_draft' | 'not_allowed_by_key';

type IntentPolicy = Pick<WidgetKey, 'allowsAllIntents' | 'allowedIntents'>;

/** Compiles the decision whether the widgets of a key show the intent of a flow. */
export function intentDecision(key: IntentPolicy): (flow: Flow) => IntentReason {
  const allowed = key.allowsAllIntents ? undefined : new Set(key.allowedIntents);
  return ({ published, intent }) => {
    if (!(allowed?.has(intent.name) ?? true)) return 'not_allowed_by_key';
    return published ? 'shown' : 'flow_in_draft';
  };
}

/** An intent, and why a widget shows it or not. */
export interface IntentExplanation {
  readonly name: string;
  readonly shown: boolean;
  readonly reason: IntentReason;
  readonly message: string;
  /** The flow's slug; empty when no flow has the intent. */
  readonly flow: string;
}

/** A quick question, and why it starts an intent or not. */
export interface QuestionExplanation {
  readonly question: string;
  /** Empty when it starts none. */
  readonly intentName: string;
  readonly reason: QuestionReason;
  readonly message: string;
}

/** Explains every intent of a tenant's flows, in their order, and then the allowed intents that no flow has. */
export function explainIntents(tenant: Tenant, key: IntentPolicy): IntentExplanation[] {
  const decide = intentDecision(key);
  const flows = new Map<string, Flow>();
  for (const flow of tenant.flows) {
    // A draft may have the intent of a published flow, which is the one that counts.
    if (flow.published || !flows.has(flow.intent.name)) flows.set(flow.intent.name, flow);
  }
  const explained = [...flows.values()].map((flow) => {
    const reason = decide(flow);
    const { name } = flow.intent;
    return { name, shown: reason === 'shown', reason, message: sentenceOf(reason, flow), flow: flow.slug };
  });
  const without = key.allowsAllIntents ? [] : key.allowedIntents.filter((name) => !flows.has(name));
  return [
    ...explained,
    ...without.map((name) => ({
      ...{ name, shown: false, reason: 'no_such_flow' as const, flow: '' },
      message: `The key allows ${name}, but no flow of the tenant has that intent.`,
    })),
  ];
}

function sentenceOf(reason: IntentReason, { slug, published, intent: { name } }: Flow): string {
  if (reason === 'shown') return `The flow ${slug} is published, and the key allows ${name}.`;
  if (reason === 'flow_in_draft') return `The flow ${slug} is a draft: publish it.`;
  const draft = published ? '' : ` The flow ${slug} is also a draft.`;
  return `The key does not allow ${name}: add it to allowedIntents.${draft}`;
}

/** Explains every quick question of a tenant, in their order. */
export function explainQuestions(tenant: Tenant, key: IntentPolicy): QuestionExplanation[] {
  const decide = intentDecision(key);
  return tenant.quickQuestions.map((question) => explainQuestion(question, tenant, decide));
}

function explainQuestion(
  { question, flowId }: QuickQuestion,
  { flows }: Tenant,
  decide: (flow: Flow) => IntentReason,
): QuestionExplanation {
  const flow = flowId === undefined ? undefined : flows.find(({ id }) => id === flowId);
  if (!flow) {
    const message =
      flowId === undefined ? 'No flow is assigned: it is only a text.' : 'Its flow does not exist any more.';
    return { question, intentName: '', reason: 'no_flow', message };
  }
  const reason = decide(flow);
  const message = sentenceOf(reason, flow);
  if (reason === 'shown') return { question, intentName: flow.intent.name, reason: 'starts_intent', message };
  return {
    question,
    intentName: '',
    reason: reason === 'flow_in_draft' ? reason : 'not_allowed_by_key',
    message,
  };
}
