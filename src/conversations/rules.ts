import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Violation } from '../rpc/errors.js';
import { canonicalLocale } from './locale.js';
import { UUID } from './uuid.js';
import { isVariableKey, MAX_KEYS, type VariablesPatch, variablesViolations } from './variables.js';

/** The rules of the fields that several requests have: each gives what is broken, and nothing for an absent field. */

const MAX_CUSTOMER_ID = 100;
const MAX_CUSTOMER_TOKEN = 4096;
const MAX_LOCALE = 16;

/** As the service writes it: in lower case. */
export function conversationIdViolations(id: string): Violation[] {
  if (UUID.test(id)) return [];
  const message = 'conversationId must be a UUID in lower case.';
  return [{ field: 'conversationId', rule: 'conversation_id.uuid', message }];
}

/** At most 100 characters (code points). */
export function customerIdViolations(id: string): Violation[] {
  if (!isLongerThan(MAX_CUSTOMER_ID, id)) return [];
  const message = `customerId may have at most ${MAX_CUSTOMER_ID} characters.`;
  return [{ field: 'customerId', rule: 'customer_id.max_length', message }];
}

/** Its size alone: whether it is good is no rule of the request, see customer-token.ts. */
export function customerTokenViolations(token: string): Violation[] {
  if (!isLongerThan(MAX_CUSTOMER_TOKEN, token)) return [];
  const message = `customerToken may have at most ${MAX_CUSTOMER_TOKEN} characters.`;
  return [{ field: 'customerToken', rule: 'customer_token.max_length', message }];
}

/** Counts code points, not UTF-16 units; only a string of up to twice as many units needs counting. */
function isLongerThan(max: number, text: string): boolean {
  if (text.length <= max) return false;
  // No code point has more than two units.
  return text.length > 2 * max || [...text].length > max;
}

/** A language tag (BCP 47), as sent and not as stored. */
export function localeViolations(locale: string): Violation[] {
  if (locale.length > MAX_LOCALE) {
    const message = `locale may have at most ${MAX_LOCALE} characters.`;
    return [{ field: 'locale', rule: 'locale.max_length', message }];
  }
  if (locale === '' || canonicalLocale(locale) !== undefined) return [];
  const message = 'locale must be a BCP-47 language tag, such as en-GB.';
  return [{ field: 'locale', rule: 'locale.bcp47', message }];
}

/** Of a change to the variables; what comes of it has its own check: see mergeVariables. */
export function variablesPatchViolations({ variables, removeVariables }: VariablesPatch): Violation[] {
  const violations = variables ? variablesViolations(variables) : [];
  if (removeVariables.length > MAX_KEYS) {
    const message = `removeVariables names ${removeVariables.length} keys; at most ${MAX_KEYS} are allowed.`;
    violations.push({ field: 'removeVariables', rule: 'remove_variables.max_items', message });
  }
  if (!removeVariables.every(isVariableKey)) {
    const message = 'removeVariables names a key that no variable can have.';
    violations.push({ field: 'removeVariables', rule: 'remove_variables.key', message });
  }
  return violations;
}

/** From the year 1 to 9999: what RFC 3339 can write. */
const TIMESTAMP = { min: -62_135_596_800n, max: 253_402_300_799n } as const;

/** What the wire format can carry and a timestamp may not be. `field` is the request's. */
export function timestampViolations(field: string, time: Timestamp | undefined): Violation[] {
  if (time === undefined) return [];
  const { seconds, nanos } = time;
  if (seconds >= TIMESTAMP.min && seconds <= TIMESTAMP.max && nanos >= 0 && nanos < 1_000_000_000) return [];
  return [{ field, rule: 'timestamp.range', message: `${field} must be a time of the years 1 to 9999.` }];
}

/** 0 stands for the default, and too many for the most there is (AIP-158). */
export function pageSizeViolations(pageSize: number): Violation[] {
  if (pageSize >= 0) return [];
  return [{ field: 'pageSize', rule: 'page_size.min', message: 'pageSize must not be negative.' }];
}
