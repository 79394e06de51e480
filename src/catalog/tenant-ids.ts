import { LRUCache } from 'lru-cache';
import type { TenantIds } from '../rpc/tenant.js';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { CatalogStore } from './model.js';

/** What {@link createTenantIds} needs. */
export interface TenantIdsDeps {
  readonly store: Pick<CatalogStore, 'findTenantBySlug'>;
  readonly elapsed?: Elapsed;
  /** The maximum of cached slugs. */
  readonly capacity?: number;
  /**
   * How long a result is cached at most, in ms. A new or deleted tenant is announced; this bounds the delay of one that
   * was changed by hand.
   */
  readonly keptMs?: number;
}

/** The look-up of tenant ids, with a cache. */
export interface TenantIdCache extends TenantIds {
  /** Forgets all results: a tenant was created or deleted, or may have been. See freshness.ts. */
  clear(): void;
}

/** Creates the look-up of tenant ids with a cache, because most engine RPCs name a tenant in each call. */
export function createTenantIds(deps: TenantIdsDeps): TenantIdCache {
  const { store, elapsed = monotonic, capacity = 10_000, keptMs = 60_000 } = deps;
  const cache = new LRUCache<string, Promise<string | undefined>>({
    ...{ max: capacity, ttl: keptMs, ttlResolution: 0 },
    perf: { now: elapsed },
  });

  return {
    get(slug) {
      const cached = cache.get(slug);
      if (cached) return cached;
      const id = store.findTenantBySlug(slug).then((tenant) => tenant?.id);
      // A failed look-up is not cached.
      id.catch(() => {
        if (cache.peek(slug) === id) cache.delete(slug);
      });
      cache.set(slug, id);
      return id;
    },
    clear: () => cache.clear(),
  };
}
