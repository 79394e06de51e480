import type { TenantIds } from '../rpc/tenant.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { CatalogStore } from './catalog.js';

/** What the cache is made of. */
export interface TenantIdsDeps {
  readonly store: Pick<CatalogStore, 'findTenantBySlug'>;
  readonly elapsed?: Elapsed;
  /** The most slugs to keep. */
  readonly capacity?: number;
  /** How long an answer is kept, in ms. */
  readonly keptMs?: number;
}

/** Remembers ids for a moment: each call of the Engine API names a tenant. */
export function createTenantIds(deps: TenantIdsDeps): TenantIds {
  const { store, elapsed = monotonic, capacity = 10_000, keptMs = 2_000 } = deps;
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
