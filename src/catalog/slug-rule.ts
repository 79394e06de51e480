import type { Violation } from '../rpc/errors.js';
import { SLUG } from '../rpc/tenant.js';

/** Checks the rule of a field that names a flow or a widget key of a tenant. */
export function slugViolations(field: 'flow' | 'name', slug: string): Violation[] {
  if (SLUG.test(slug)) return [];
  const message = `${field} must be 1 to 63 lower-case letters, digits and hyphens, not a hyphen first.`;
  return [{ field, rule: 'slug.pattern', message }];
}
