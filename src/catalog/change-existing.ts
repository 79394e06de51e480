import type { TenantCall } from '../rpc/define.js';
import { ServiceError } from '../rpc/errors.js';
import {
  type Changed,
  type ChangeTenantDeps,
  changeTenant,
  type StoredTenant,
  type TenantPlan,
} from './change-tenant.js';

/** A change of one thing of a tenant; what it leaves out stays as it is. */
export interface ChangePlan<T> extends Partial<Omit<TenantPlan<T>, 'count' | 'answer'>> {
  readonly answer: T;
}

/**
 * Changes one thing of the tenant that a call names, audited: see {@link changeTenant}. A call that changes nothing
 * writes nothing.
 *
 * @throws ServiceError not_found when the tenant was deleted meanwhile; the errors of changeTenant and of `plan`
 */
export function changeExisting<T>(
  deps: ChangeTenantDeps,
  { tenant }: { readonly tenant: string },
  { tenantId, signal, audit }: Pick<TenantCall, 'tenantId' | 'signal' | 'audit'>,
  plan: (stored: StoredTenant) => ChangePlan<T> | Promise<ChangePlan<T>>,
): Promise<Changed<T>> {
  const find = () => deps.catalog.findTenant(tenantId);
  const planAll = async (stored: StoredTenant | undefined): Promise<TenantPlan<T>> => {
    if (!stored) throw new ServiceError('not_found', 'There is no such tenant.');
    return { ...stored, ...(await plan(stored)), count: 1 };
  };
  return changeTenant(deps, tenant, find, planAll, {
    signal,
    audited: (_id, writes) => audit.bracket(writes),
  });
}
