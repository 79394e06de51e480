import type { KeyObject } from 'node:crypto';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { CatalogStore, IdentitySecret, WidgetKey } from './catalog.js';
import type { IdentitySecrets } from './identity-secrets.js';
import { type WidgetView, widgetView } from './widget-view.js';

/** The widget views of the keys in use, kept until their tenant's catalogue changes. */
export interface WidgetViews {
  /** The view of a key; undefined when there is no such key. */
  get(publicKey: string): Promise<WidgetView | undefined>;
  /** The same, by the key's id. */
  getById(keyId: string): Promise<WidgetView | undefined>;
  /** Drops the views whose tenants have another revision by now: one query, whatever is kept. */
  refresh(): Promise<void>;
}

/** What the cache is made of. */
export interface WidgetViewsDeps {
  readonly store: CatalogStore;
  readonly identitySecrets: Pick<IdentitySecrets, 'open'>;
  readonly elapsed?: Elapsed;
  /** The most keys to keep, known and unknown ones each. */
  readonly capacity?: number;
  /** How long an unknown key is remembered, in ms. */
  readonly unknownMs?: number;
}

/** Computes views when they are first needed, and keeps them until {@link WidgetViews.refresh}. */
export function createWidgetViews(deps: WidgetViewsDeps): WidgetViews {
  const { store, elapsed = monotonic, capacity = 10_000, unknownMs = 2_000 } = deps;
  /** Kept by public key, and by id: neither can be taken for the other. */
  const known = new Map<string, WidgetView>();
  /** Unknown key or id → when to forget that it is. Bounded, so that made-up keys cannot fill the memory. */
  const unknown = new Map<string, number>();
  const loading = new Map<string, Promise<WidgetView | undefined>>();

  async function load(name: string, find: FindKey): Promise<WidgetView | undefined> {
    const found = await find(name);
    const tenant = found && (await store.findTenant(found.tenantId));
    // Writers change a key's secret first, then the key and its tenant's revision after it: what is read in the
    // opposite order is at least as new, so that a stale view never carries a fresh revision.
    const key = tenant && (await find(name));
    if (!tenant || !key || key.tenantId !== tenant.id) {
      keep(unknown, name, elapsed() + unknownMs, capacity);
      return undefined;
    }
    const secret = key.identity === 'off' ? undefined : await store.findIdentitySecret(key.id);
    const view = widgetView(tenant, key, secret && opener(secret));
    keep(known, name, view, capacity);
    return view;
  }

  /** Opens a secret when it is first needed: a view without it serves those who bring no customer token. */
  function opener(secret: IdentitySecret): () => Promise<KeyObject> {
    let opened: KeyObject | undefined;
    return async () => {
      opened ??= await deps.identitySecrets.open(secret);
      return opened;
    };
  }

  function get(name: string, find: FindKey): Promise<WidgetView | undefined> {
    const view = known.get(name);
    if (view) return Promise.resolve(view);
    const forgetAt = unknown.get(name);
    if (forgetAt !== undefined && elapsed() < forgetAt) return Promise.resolve(undefined);

    let pending = loading.get(name);
    if (!pending) {
      pending = load(name, find).finally(() => loading.delete(name));
      loading.set(name, pending);
    }
    return pending;
  }

  return {
    get: (publicKey) => get(publicKey, store.findKey),
    getById: (keyId) => get(keyId, store.findKeyById),

    async refresh() {
      if (known.size === 0) return;
      const tenantIds = new Set([...known.values()].map((view) => view.tenantId));
      const revisions = await store.revisions([...tenantIds]);
      for (const [name, view] of known) {
        if (revisions.get(view.tenantId) !== view.revision) known.delete(name);
      }
    },
  };
}

type FindKey = (name: string) => Promise<WidgetKey | undefined>;

/** Adds an entry, and lets the oldest go when there are too many. */
function keep<V>(cache: Map<string, V>, key: string, value: V, capacity: number): void {
  cache.delete(key);
  cache.set(key, value);
  const oldest = cache.keys().next();
  if (cache.size > capacity && !oldest.done) cache.delete(oldest.value);
}
