import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Violation } from '../rpc/errors.js';
import { canonicalLocale } from './locale.js';
import { UUID } from './uuid.js';
import { isVariableKey, MAX_KEYS, type MapsPatch, mapViolations } from './variables.js';

/**
 * Validation rules of fields that several requests share. Each function returns the violations of its field; an absent
 * field has none.
 */

const MAX_CUSTOMER_ID = 100;
const MAX_CUSTOMER_TOKEN = 4096;
const MAX_LOCALE = 16;

/** A conversation id must be a UUID. Handlers use it in lower case, the form in which the service writes it. */
export function conversationIdViolations(id: string): Violation[] {
  if (UUID.test(id.toLowerCase())) return [];
  const message = 'conversationId must be a UUID.';
  return [{ field: 'conversationId', rule: 'conversation_id.uuid', message }];
}

/** A widget key id must be a UUID. Empty counts as absent. */
export function widgetKeyIdViolations(id: string): Violation[] {
  if (id === '' || UUID.test(id.toLowerCase())) return [];
  const message = 'widgetKeyId must be a UUID.';
  return [{ field: 'widgetKeyId', rule: 'widget_key_id.uuid', message }];
}

/** A customer id may have at most 100 characters (code points). */
export function customerIdViolations(id: string): Violation[] {
  if (!isLongerThan(MAX_CUSTOMER_ID, id)) return [];
  const message = `customerId may have at most ${MAX_CUSTOMER_ID} characters.`;
  return [{ field: 'customerId', rule: 'customer_id.max_length', message }];
}

/** Checks only the size of a customer token; sessions/customer-token.ts verifies it. */
export function customerTokenViolations(token: string): Violation[] {
  if (!isLongerThan(MAX_CUSTOMER_TOKEN, token)) return [];
  const message = `customerToken may have at most ${MAX_CUSTOMER_TOKEN} characters.`;
  return [{ field: 'customerToken', rule: 'customer_token.max_length', message }];
}

/** Whether a text has more than `max` code points. */
function isLongerThan(max: number, text: string): boolean {
  if (text.length <= max) return false;
  // A code point takes one or two UTF-16 units, so code points are counted only for lengths between max and 2 × max.
  return text.length > 2 * max || [...text].length > max;
}

/** A locale must be a well-formed language tag; its length is that of the sent text, not of the canonical form. */
export function localeViolations(locale: string): Violation[] {
  if (isLongerThan(MAX_LOCALE, locale)) {
    const message = `locale may have at most ${MAX_LOCALE} characters.`;
    return [{ field: 'locale', rule: 'locale.max_length', message }];
  }
  if (locale === '' || canonicalLocale(locale) !== undefined) return [];
  const message = 'locale must be a language tag (BCP 47), such as en-GB.';
  return [{ field: 'locale', rule: 'locale.bcp47', message }];
}

/** Checks a change to the maps by itself; mergeMaps checks the merged result. */
export function mapsPatchViolations(patch: MapsPatch): Violation[] {
  return [
    ...mapViolations('variables', patch.variables),
    ...removedKeysViolations('removeVariables', 'remove_variables', patch.removeVariables),
    ...mapViolations('attributes', patch.attributes),
    ...removedKeysViolations('removeAttributes', 'remove_attributes', patch.removeAttributes),
  ];
}

function removedKeysViolations(field: string, ruleOf: string, keys: readonly string[] = []): Violation[] {
  const violations: Violation[] = [];
  if (keys.length > MAX_KEYS) {
    const message = `${field} names ${keys.length} keys; at most ${MAX_KEYS} are allowed.`;
    violations.push({ field, rule: `${ruleOf}.max_items`, message });
  }
  if (!keys.every(isVariableKey)) {
    violations.push({ field, rule: `${ruleOf}.key`, message: `${field} names a key that cannot exist.` });
  }
  return violations;
}

/** An expected revision must be at least 1, the revision of a conversation that was never changed. */
export function expectedRevisionViolations(revision: number | undefined): Violation[] {
  if (revision === undefined || revision >= 1) return [];
  const message = 'expectedRevision must be at least 1.';
  return [{ field: 'expectedRevision', rule: 'expected_revision.min', message }];
}

/** A state must be one of its enum: protobuf carries any number. @param known the numbers of the enum */
export function stateViolations(state: number, known: readonly number[]): Violation[] {
  if (known.includes(state)) return [];
  return [{ field: 'state', rule: 'state.unknown', message: `state has no value ${state}.` }];
}

/** The range of a protobuf Timestamp, in seconds: the years 1 to 9999, which RFC 3339 can write. */
const TIMESTAMP = { min: -62_135_596_800n, max: 253_402_300_799n } as const;

/** Refuses times that the wire format can carry but a Timestamp must not hold. @param field name for the violation */
export function timestampViolations(field: string, time: Timestamp | undefined): Violation[] {
  if (time === undefined) return [];
  const { seconds, nanos } = time;
  if (seconds >= TIMESTAMP.min && seconds <= TIMESTAMP.max && nanos >= 0 && nanos < 1_000_000_000) return [];
  return [{ field, rule: 'timestamp.range', message: `${field} must be a time of the years 1 to 9999.` }];
}

/** A page size must not be negative. 0 means the default, and a larger one than the maximum means the maximum (AIP-158). */
export function pageSizeViolations(pageSize: number): Violation[] {
  if (pageSize >= 0) return [];
  return [{ field: 'pageSize', rule: 'page_size.min', message: 'pageSize must not be negative.' }];
}
