import { requireTenant } from './authorize.js';
import type { AuthenticatedCall } from './call.js';
import { ServiceError, type Violation } from './errors.js';

/** What tells a tenant, or a flow of a tenant, apart: in files, requests and logs. */
export const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Finds tenants by the slugs that callers name. */
export interface TenantIds {
  /** The id of a tenant; undefined when there is none of that slug. */
  get(slug: string): Promise<string | undefined>;
}

/** The rule of the field `tenant`: a tenant is named by its slug. */
export function tenantViolations(tenant: string): Violation[] {
  if (SLUG.test(tenant)) return [];
  const message =
    'tenant must be a slug: 1 to 63 lower-case letters, digits and hyphens, not a hyphen first.';
  return [{ field: 'tenant', rule: 'tenant.slug', message }];
}

/**
 * The id of the tenant that a caller names.
 *
 * @throws ServiceError permission_denied (not one of the caller's), not_found
 */
export async function requireTenantId(
  tenants: TenantIds,
  call: AuthenticatedCall,
  slug: string,
): Promise<string> {
  requireTenant(call, slug);
  const id = await tenants.get(slug);
  if (id === undefined) throw new ServiceError('not_found', 'There is no such tenant.');
  return id;
}
