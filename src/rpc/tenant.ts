import { requireTenantAccess } from './authorize.js';
import type { AuthenticatedCall } from './call.js';
import { ServiceError, type Violation } from './errors.js';

/** The pattern of a slug: the readable id of a tenant, or of a flow within its tenant. */
export const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Looks up tenants by their slugs. */
export interface TenantIds {
  /** The id of the tenant with this slug; undefined when there is none. */
  get(slug: string): Promise<string | undefined>;
}

/** Checks the rule of the field `tenant`: it must be a slug. */
export function tenantViolations(tenant: string): Violation[] {
  if (SLUG.test(tenant)) return [];
  const message =
    'tenant must be a slug: 1 to 63 lower-case letters, digits and hyphens, not a hyphen first.';
  return [{ field: 'tenant', rule: 'tenant.slug', message }];
}

/**
 * Looks up the tenant that a request names, after checking that the caller may work for it.
 *
 * @returns the tenant's id
 * @throws ServiceError permission_denied, not_found
 */
export async function requireTenantId(
  tenants: TenantIds,
  call: AuthenticatedCall,
  slug: string,
): Promise<string> {
  requireTenantAccess(call, slug);
  const id = await tenants.get(slug);
  if (id === undefined) throw new ServiceError('not_found', 'There is no such tenant.');
  return id;
}
