import { createHash } from 'node:crypto';
import type { TenantSpec } from './tenant-spec.js';

/**
 * The digest of a validated definition: equal for two definitions that say the same. Empty and absent members do not
 * count, so that a field that a later version adds does not change the digests of today's definitions.
 */
export function definitionDigest(spec: TenantSpec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('base64url');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    const entries = Object.entries(member).filter(([, one]) => !isEmpty(one));
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}
