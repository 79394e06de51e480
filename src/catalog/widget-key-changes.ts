import { rulesBroken, ServiceError } from '../rpc/errors.js';
import type { WidgetKey } from './model.js';
import { MAX_RETIRED, rotatePublicKey, workingRetired } from './public-keys.js';

/** The most widget keys of a tenant. */
export const MAX_KEYS = 50;

/** The widget keys of a tenant, as they are stored or shall be. */
export type WidgetKeys = readonly WidgetKey[];

/** The widget key of this name. @throws ServiceError not_found */
export function requireKey(keys: WidgetKeys, name: string): WidgetKey {
  const key = keys.find((one) => one.name === name);
  if (!key) throw new ServiceError('not_found', 'There is no such widget key.');
  return key;
}

/** The widget keys of a tenant and a new one. @throws ServiceError already_exists (its name), invalid_input (too many) */
export function withNewKey(keys: WidgetKeys, key: WidgetKey): WidgetKeys {
  if (keys.some(({ name }) => name === key.name)) {
    throw new ServiceError('already_exists', `There is a widget key ${key.name} already.`);
  }
  if (keys.length >= MAX_KEYS) {
    const message = `A tenant has at most ${MAX_KEYS} widget keys: revoke one first.`;
    throw rulesBroken([{ field: 'widgetKey', rule: 'widget_keys.max_items', message }]);
  }
  return [...keys, key];
}

/** How a public key is rotated. */
export interface RotationStep {
  readonly newPublicKey: string;
  /** How long the public key of before works. */
  readonly overlapMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The widget keys of a tenant, one of them with a new public key.
 *
 * @throws ServiceError not_found; invalid_input when too many of its public keys of before still work
 */
export function withRotatedKey(
  keys: WidgetKeys,
  name: string,
  { newPublicKey, overlapMs, now }: RotationStep,
): WidgetKeys {
  const key = requireKey(keys, name);
  const [oldest] = workingRetired(key, now).toSorted((a, b) => a.until - b.until);
  if (oldest && overlapMs > 0 && workingRetired(key, now).length >= MAX_RETIRED) {
    const until = new Date(oldest.until).toISOString();
    const message = `${MAX_RETIRED} public keys of before still work, the first until ${until}: wait, or set overlap to 0.`;
    throw rulesBroken([{ field: 'overlap', rule: 'public_keys.max_retired', message }]);
  }
  return replaceKey(keys, rotatePublicKey(key, newPublicKey, overlapMs, now));
}

/** The widget keys of a tenant, one of them enabled or disabled. @throws ServiceError not_found */
export function withKeyEnabled(keys: WidgetKeys, name: string, enabled: boolean): WidgetKeys {
  const key = requireKey(keys, name);
  return key.enabled === enabled ? keys : replaceKey(keys, { ...key, enabled });
}

/** The widget keys of a tenant but one; all of them when there is none of this name. */
export function withoutKey(keys: WidgetKeys, name: string): WidgetKeys {
  return keys.some((key) => key.name === name) ? keys.filter((key) => key.name !== name) : keys;
}

function replaceKey(keys: WidgetKeys, key: WidgetKey): WidgetKeys {
  return keys.map((one) => (one.id === key.id ? key : one));
}
