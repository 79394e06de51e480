import type { CatalogStore } from './catalog.js';
import { type WidgetView, widgetView } from './widget-view.js';

/** The widget views of the keys in use, kept until their tenant's catalogue changes. */
export interface WidgetViews {
  /** The view of a key; undefined when there is no such key. */
  get(publicKey: string): Promise<WidgetView | undefined>;
  /** Drops the views whose tenants have another revision by now: one query, whatever is kept. */
  refresh(): Promise<void>;
}

/** What the cache is made of. */
export interface WidgetViewsParts {
  readonly store: CatalogStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The most keys to keep, known and unknown ones each. */
  readonly capacity?: number;
  /** How long an unknown key is remembered, in ms. */
  readonly unknownMs?: number;
}

export function createWidgetViews(parts: WidgetViewsParts): WidgetViews {
  const { store, now, capacity = 10_000, unknownMs = 2_000 } = parts;
  const known = new Map<string, WidgetView>();
  /** Unknown key → when to forget that it is. Bounded, so that made-up keys cannot fill the memory. */
  const unknown = new Map<string, number>();
  const loading = new Map<string, Promise<WidgetView | undefined>>();

  async function load(publicKey: string): Promise<WidgetView | undefined> {
    const found = await store.findKey(publicKey);
    const tenant = found && (await store.findTenant(found.tenantId));
    // Writers change a key first and its tenant's revision after it: a key read after the revision is at
    // least as new, so that a stale view never carries a fresh revision.
    const key = tenant && (await store.findKey(publicKey));
    if (!tenant || !key || key.tenantId !== tenant.id) {
      keep(unknown, publicKey, now() + unknownMs, capacity);
      return undefined;
    }
    const view = widgetView(tenant, key);
    keep(known, publicKey, view, capacity);
    return view;
  }

  return {
    async get(publicKey) {
      const view = known.get(publicKey);
      if (view) return view;
      const forgetAt = unknown.get(publicKey);
      if (forgetAt !== undefined && now() < forgetAt) return undefined;

      let pending = loading.get(publicKey);
      if (!pending) {
        pending = load(publicKey).finally(() => loading.delete(publicKey));
        loading.set(publicKey, pending);
      }
      return pending;
    },

    async refresh() {
      if (known.size === 0) return;
      const tenantIds = new Set([...known.values()].map((view) => view.tenantId));
      const revisions = await store.revisions([...tenantIds]);
      for (const [publicKey, view] of known) {
        if (revisions.get(view.tenantId) !== view.revision) known.delete(publicKey);
      }
    },
  };
}

/** Adds an entry, and lets the oldest go when there are too many. */
function keep<V>(cache: Map<string, V>, key: string, value: V, capacity: number): void {
  cache.delete(key);
  cache.set(key, value);
  const oldest = cache.keys().next();
  if (cache.size > capacity && !oldest.done) cache.delete(oldest.value);
}
