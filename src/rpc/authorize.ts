import type { AuthenticatedCall, Caller, Scope } from './call.js';
import { ServiceError } from './errors.js';

/**
 * Checks that a caller has the scope of an RPC. Without a caller (chat surface, open engine surface) everything is
 * allowed.
 *
 * @throws ServiceError permission_denied
 */
export function requireScope(caller: Caller | undefined, scope: Scope): void {
  if (caller === undefined || caller.scopes.has(scope)) return;
  throw new ServiceError('permission_denied', `This caller may not do this: it needs the scope ${scope}.`);
}

/**
 * Checks that a caller may work for a tenant. The error is the same for tenants that exist and tenants that do not, so
 * that a caller cannot find out the slugs of other tenants.
 *
 * @throws ServiceError permission_denied
 */
export function requireTenantAccess({ caller }: AuthenticatedCall, tenant: string): void {
  if (caller === undefined || caller.tenants === 'all' || caller.tenants.has(tenant)) return;
  throw new ServiceError('permission_denied', 'This caller may not work for this tenant.');
}
