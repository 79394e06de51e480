import { ServiceError } from '../rpc/errors.js';
import type { CatalogStore, Tenant } from './model.js';

/** Reads a tenant by its id. @throws ServiceError not_found when it was deleted meanwhile */
export async function requireTenant(catalog: Pick<CatalogStore, 'findTenant'>, id: string): Promise<Tenant> {
  const tenant = await catalog.findTenant(id);
  if (!tenant) throw new ServiceError('not_found', 'There is no such tenant.');
  return tenant;
}
