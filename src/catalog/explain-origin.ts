import type { OriginDifference } from './nearest-origin.js';
import { type NearestPattern, nearestPattern, proposedPattern } from './nearest-origin.js';
import type { OriginPolicy, OriginReason } from './origin-policy.js';
import { isOrigin } from './origin-policy.js';
import { OriginPatternError, parseOriginPattern } from './origins.js';

/** What a widget key decides about an origin, and why: for ExplainOpen, the log and origin reports. */
export interface OriginExplanation {
  readonly passes: boolean;
  readonly reason: OriginReason | OriginDifference;
  /** The same in a sentence, with what to do about a refusal. */
  readonly message: string;
  /** The pattern that allows the origin, or the nearest that does not; empty when there is none. */
  readonly rule: string;
  /** The pattern to add; empty when none may be added. */
  readonly proposedRule: string;
}

/** Explains the decision of {@link OriginPolicy.decide}. */
export function explainOrigin(policy: OriginPolicy, origin: string | undefined): OriginExplanation {
  const { passes, reason, pattern } = policy.decide(origin);
  const plain = (message: string) => ({
    passes,
    reason,
    message,
    rule: pattern?.text ?? '',
    proposedRule: '',
  });
  if (reason === 'missing' || origin === undefined) {
    return plain(
      passes
        ? 'The request has no Origin header, and the key allows that.'
        : 'The request has no Origin header: browsers send one with every open. Set allowMissingOrigin for native apps.',
    );
  }
  if (pattern) return plain(`The rule ${pattern.text} allows ${harmless(origin)}.`);
  if (reason === 'null_origin') {
    return plain(
      'The origin is null, as pages in a sandboxed frame and pages from a file send it. It can never be allowed, ' +
        'because any website can send it: open the page from a server.',
    );
  }
  if (!isOrigin(origin)) return { ...explainMalformed(policy, origin), passes };
  const refusal = explainNoRule(policy.patterns, origin);
  if (reason !== 'report_mode') return { ...refusal, passes };
  const message = `The key only reports origins (originMode: report), so this one is let through. ${refusal.message}`;
  return { ...refusal, passes, reason, message };
}

function explainNoRule(patterns: readonly string[], origin: string): Omit<OriginExplanation, 'passes'> {
  const near = nearestPattern(patterns, origin);
  const proposedRule = proposedPattern(origin);
  const message = `No rule allows ${harmless(origin)}. ${sentenceOf(near)}Add ${proposedRule} to allow it.`;
  return { reason: near?.difference ?? 'no_rule', message, rule: near?.text ?? '', proposedRule };
}

function sentenceOf(near: NearestPattern | undefined): string {
  return near ? `The nearest, ${near.text}, ${near.says}. ` : '';
}

/** Explains a text that browsers do not send as an origin: upper case, a path, a default port. */
function explainMalformed(policy: OriginPolicy, origin: string): Omit<OriginExplanation, 'passes'> {
  const written = instead(origin);
  const fault = `${harmless(origin)} is not an origin as browsers write it`;
  const reason = 'not_an_origin';
  if (written === undefined) {
    const message = `${fault}: scheme, host, and the port unless it is the default.`;
    return { reason, message, rule: '', proposedRule: '' };
  }
  const { pattern } = policy.decide(written);
  const { rule, proposedRule } = pattern
    ? { rule: pattern.text, proposedRule: '' }
    : explainNoRule(policy.patterns, written);
  const allowed = pattern ? `which the rule ${rule} allows` : `which no rule allows: add ${proposedRule}`;
  return { reason, message: `${fault}, which is ${written}, ${allowed}.`, rule, proposedRule };
}

/** The origin that was probably meant by a text. */
function instead(text: string): string | undefined {
  try {
    const pattern = parseOriginPattern(text);
    return pattern.kind === 'exact' ? pattern.text : undefined;
  } catch (error) {
    const written = error instanceof OriginPatternError ? error.instead : undefined;
    return written !== undefined && isOrigin(written) ? written : undefined;
  }
}

const MAX_SHOWN = 200;

/**
 * A stranger's origin for logs and messages: at most 200 printable ASCII characters, without a user name and without
 * anything after the host, where a stranger could put a secret.
 */
export function harmless(origin: string): string {
  const [, scheme = '', host = origin] =
    /^([a-z][a-z0-9+.-]{0,63}:\/\/)?([^/?#\\]*)/i.exec(origin.slice(0, 9_000)) ?? [];
  const shown = scheme + host.slice(host.lastIndexOf('@') + 1);
  const isCut = shown.length > MAX_SHOWN || shown !== origin;
  return shown.slice(0, MAX_SHOWN).replaceAll(/[^\x21-\x7e]/g, '?') + (isCut ? '…' : '');
}
