import { compileOrigins } from './compile-origins.js';
import type { OriginMode, WidgetKey } from './model.js';
import { type OriginPattern, parseStored } from './origins.js';

/** What happens to a request with some `Origin` header. */
export interface OriginDecision {
  readonly passes: boolean;
  readonly reason: OriginReason;
  /** The pattern that allows it. */
  readonly pattern?: OriginPattern;
}

/** Why a request with some `Origin` header is let through or refused. */
export type OriginReason =
  | 'exact_rule'
  | 'subdomain_rule'
  | 'preview_rule'
  | 'any_port_rule'
  | 'missing_allowed'
  | 'report_mode'
  | 'missing'
  | 'null_origin'
  | 'not_an_origin'
  | 'no_rule';

/** What a widget key says about origins. */
export interface OriginPolicy {
  readonly mode: OriginMode;
  readonly patterns: readonly string[];
  /** Decides about an `Origin` header as sent; undefined means that the request has none. */
  readonly decide: (origin: string | undefined) => OriginDecision;
}

const REASONS = {
  exact: 'exact_rule',
  subdomains: 'subdomain_rule',
  label: 'preview_rule',
  anyPort: 'any_port_rule',
} as const satisfies Record<OriginPattern['kind'], OriginReason>;

/**
 * Creates the origin policy of a widget key. In the mode `report` an origin that no pattern allows is let through.
 * Refused in both modes: a request without an origin, because there is nothing to report and `allowMissingOrigin` says
 * what to do; `null`, which every sandboxed page of any website sends; and text that is no origin, because no pattern
 * could ever allow it.
 */
export function originPolicy(
  key: Pick<WidgetKey, 'allowedOrigins' | 'allowMissingOrigin' | 'originMode'>,
): OriginPolicy {
  const { allowedOrigins: patterns, allowMissingOrigin, originMode: mode } = key;
  const match = compileOrigins(patterns);
  return {
    mode,
    patterns,
    decide(origin) {
      if (origin === undefined) return allowMissingOrigin ? MISSING_ALLOWED : MISSING;
      const pattern = match(origin);
      if (pattern) return { passes: true, reason: REASONS[pattern.kind], pattern };
      if (origin === 'null') return NULL_ORIGIN;
      // In the mode enforce the refusal needs no more than this; parsing would make it dearer than an open.
      if (mode === 'enforce') return NO_RULE;
      return isOrigin(origin) ? REPORTED : NOT_AN_ORIGIN;
    },
  };
}

/** Whether a text is an origin as browsers write it. */
export function isOrigin(text: string): boolean {
  const pattern = parseStored(text);
  return pattern?.kind === 'exact' && pattern.text === text;
}

const MISSING_ALLOWED: OriginDecision = { passes: true, reason: 'missing_allowed' };
const REPORTED: OriginDecision = { passes: true, reason: 'report_mode' };
const MISSING: OriginDecision = { passes: false, reason: 'missing' };
const NULL_ORIGIN: OriginDecision = { passes: false, reason: 'null_origin' };
const NOT_AN_ORIGIN: OriginDecision = { passes: false, reason: 'not_an_origin' };
const NO_RULE: OriginDecision = { passes: false, reason: 'no_rule' };
