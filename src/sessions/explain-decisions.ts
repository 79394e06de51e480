import { explainOrigin } from '../catalog/explain-origin.js';
import { explainKey as sentenceOf } from '../catalog/key-state.js';
import type { WidgetView } from '../catalog/widget-view.js';
import type { ErrorCode } from '../rpc/errors.js';
import { CUSTOMER_REASONS } from './customer-reasons.js';
import { decideCustomer } from './customer-token.js';
import { type ExplainedRequest, explainedRequestViolations } from './open-rules.js';

/** One check of an open, in the order of OpenSession. */
export interface ExplainedDecision {
  readonly subject: 'rules' | 'widget_key' | 'origin' | 'customer';
  readonly passes: boolean;
  readonly reason: string;
  readonly message: string;
  readonly rule: string;
  readonly proposedRule: string;
  /** The error that an open gets when this is the first check that fails. */
  readonly code: ErrorCode;
}

/** What an open would bring. */
export interface ExplainedOpen extends ExplainedRequest {
  /** The `Origin` header; undefined for a request without one. */
  readonly origin?: string | undefined;
}

/**
 * Takes the decisions of OpenSession on the chat surface, by the same functions, and says why. Those after a refusal are
 * taken too. Without a view, which means an unknown widget key, there is nothing to say about origin and customer.
 */
export async function explainDecisions(
  request: ExplainedOpen,
  view: WidgetView | undefined,
  now: number,
): Promise<ExplainedDecision[]> {
  const decisions = [explainRules(request), explainKey(view, now)];
  if (!view) return decisions;
  const origin = explainOrigin(view.origins, request.origin);
  decisions.push({ subject: 'origin', ...origin, code: 'origin_not_allowed' });
  decisions.push(await explainCustomer(request, view, now));
  return decisions;
}

const NO_RULES = { rule: '', proposedRule: '' };

function explainRules(request: ExplainedRequest): ExplainedDecision {
  const violations = explainedRequestViolations(request);
  return {
    ...{ subject: 'rules', ...NO_RULES, code: 'validation_failed' },
    passes: violations.length === 0,
    reason: violations[0]?.rule ?? 'no_rule_broken',
    message: violations.map(({ message }) => message).join(' ') || 'The fields of the request break no rule.',
  };
}

function explainKey(view: WidgetView | undefined, now: number): ExplainedDecision {
  const state = view?.state(now) ?? 'unknown';
  const passes = state === 'enabled';
  const reason = passes && view?.retiredUntil !== undefined ? 'retired_in_overlap' : state;
  const message = sentenceOf(reason, view?.retiredUntil);
  return { subject: 'widget_key', ...NO_RULES, passes, reason, message, code: 'widget_disabled' };
}

async function explainCustomer(
  request: ExplainedRequest,
  { identity, keyId, tenantSlug }: WidgetView,
  now: number,
): Promise<ExplainedDecision> {
  const subject = { subject: 'customer', ...NO_RULES } as const;
  try {
    const { customer, reason } = await decideCustomer(request, { identity, keyId, tenantSlug, now });
    const message = CUSTOMER_REASONS[reason];
    return { ...subject, passes: customer !== undefined, reason, message, code: 'identity_not_verified' };
  } catch {
    // An open with this token is answered `internal`, and its cause is logged.
    const message =
      "The service cannot decrypt the key's identity secret: check IDENTITY_ENCRYPTION_KEYS, and the log.";
    return { ...subject, passes: false, reason: 'secret_unreadable', message, code: 'internal' };
  }
}
