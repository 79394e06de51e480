import type { AuthenticatedCall, Caller, Scope } from './call.js';
import { ServiceError } from './errors.js';

/**
 * Lets a caller use an RPC.
 *
 * @throws ServiceError permission_denied
 */
export function requireScope(caller: Caller | undefined, scope: Scope): void {
  if (caller === undefined || caller.scopes.has(scope)) return;
  throw new ServiceError('permission_denied', `This caller may not do this: it needs the scope ${scope}.`);
}

/**
 * Lets a caller work for a tenant. Whoever may not is not told whether there is such a tenant.
 *
 * @throws ServiceError permission_denied
 */
export function requireTenant({ caller }: AuthenticatedCall, tenant: string): void {
  if (caller === undefined || caller.tenants === 'all' || caller.tenants.has(tenant)) return;
  throw new ServiceError('permission_denied', 'This caller may not work for this tenant.');
}
