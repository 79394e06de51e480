import { requireTenant } from '../rpc/authorize.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import { type Elapsed, elapsed as monotonic } from '../rpc/elapsed.js';
import { ServiceError } from '../rpc/errors.js';
import type { CatalogStore } from './catalog.js';

/** The ids of the tenants that callers name by their slugs. */
export interface TenantIds {
  /** The id of a tenant; undefined when there is none of that slug. */
  get(slug: string): Promise<string | undefined>;
}

/** What the cache is made of. */
export interface TenantIdsParts {
  readonly store: Pick<CatalogStore, 'findTenantBySlug'>;
  readonly elapsed?: Elapsed;
  /** The most slugs to keep. */
  readonly capacity?: number;
  /** How long an answer is kept, in ms. */
  readonly keptMs?: number;
}

/** Remembers ids for a moment: each call of the Engine API names a tenant. */
export function createTenantIds(parts: TenantIdsParts): TenantIds {
  const { store, elapsed = monotonic, capacity = 10_000, keptMs = 2_000 } = parts;
  const kept = new Map<string, { readonly id: Promise<string | undefined>; readonly until: number }>();

  return {
    get(slug) {
      const known = kept.get(slug);
      if (known && elapsed() < known.until) return known.id;
      if (kept.size >= capacity) kept.clear();
      const id = store.findTenantBySlug(slug).then((tenant) => tenant?.id);
      // What could not be found out is asked again at once.
      id.catch(() => kept.delete(slug));
      kept.set(slug, { id, until: elapsed() + keptMs });
      return id;
    },
  };
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
