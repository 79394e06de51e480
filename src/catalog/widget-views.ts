import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from './model.js';
import { type WidgetView, widgetView } from './widget-view.js';

/** A cache of widget views. A view is evicted when its tenant's catalogue has changed. */
export interface WidgetViews {
  /** The view of a key; undefined when there is no such key. */
  get(publicKey: string): Promise<WidgetView | undefined>;
  /** What the store has of a key now, past the cache: for explaining it. */
  read(publicKey: string): Promise<ReadWidget | undefined>;
  /** The same, by the key's id. */
  getById(keyId: string): Promise<WidgetView | undefined>;
  /** Evicts the views whose tenants have a new revision. It costs one query, for any number of cached views. */
  refresh(): Promise<void>;
}

/** A widget key as stored, with its tenant and the view of both. */
export interface ReadWidget {
  readonly tenant: Tenant;
  readonly key: WidgetKey;
  readonly view: WidgetView;
}

/** What {@link createWidgetViews} needs. */
export interface WidgetViewsDeps {
  readonly store: CatalogStore;
  readonly identitySecrets: Pick<IdentitySecrets, 'open'>;
  readonly elapsed?: Elapsed;
  /** The maximum of cached views, and also of cached unknown keys. */
  readonly capacity?: number;
  /** How long an unknown key is cached, in ms. */
  readonly unknownMs?: number;
}

/** Creates an empty cache. A view is computed at first use and cached until {@link WidgetViews.refresh} evicts it. */
export function createWidgetViews(deps: WidgetViewsDeps): WidgetViews {
  const { store, elapsed = monotonic, capacity = 10_000, unknownMs = 2_000 } = deps;
  /** Views by public key and by id; the two kinds of name cannot be equal. */
  const known = new LRUCache<string, WidgetView>({ max: capacity });
  /** Public keys and ids that do not exist. Bounded, so that invented keys cannot fill the memory. */
  const unknown = new LRUCache<string, true>({
    ...{ max: capacity, ttl: unknownMs, ttlResolution: 0 },
    perf: { now: elapsed },
  });
  const loading = new Map<string, Promise<WidgetView | undefined>>();

  async function read(name: string, find: FindKey): Promise<ReadWidget | undefined> {
    const found = await find(name);
    const tenant = found && (await store.findTenant(found.tenantId));
    // Writers write the secret, then the key, then the tenant's revision. Reads in the opposite order are at least as
    // new as the revision, so that a stale view never has a fresh revision.
    const key = tenant && (await find(name));
    if (!tenant || !key || key.tenantId !== tenant.id) return undefined;
    const secret = key.identity === 'off' ? undefined : await store.findIdentitySecret(key.id);
    return { tenant, key, view: widgetView(tenant, key, secret && createKeyLoader(secret)) };
  }

  async function load(name: string, find: FindKey): Promise<WidgetView | undefined> {
    const widget = await read(name, find);
    if (widget) known.set(name, widget.view);
    else unknown.set(name, true);
    return widget?.view;
  }

  /**
   * Decrypts a secret at first use, so that a secret that cannot be decrypted fails only opens with a customer token.
   */
  function createKeyLoader(secret: IdentitySecret): () => Promise<KeyObject> {
    let opened: KeyObject | undefined;
    return async () => {
      opened ??= await deps.identitySecrets.open(secret);
      return opened;
    };
  }

  function get(name: string, find: FindKey): Promise<WidgetView | undefined> {
    const view = known.get(name);
    if (view) return Promise.resolve(view);
    if (unknown.has(name)) return Promise.resolve(undefined);

    let pending = loading.get(name);
    if (!pending) {
      pending = load(name, find).finally(() => loading.delete(name));
      loading.set(name, pending);
    }
    return pending;
  }

  return {
    get: (publicKey) => get(publicKey, store.findKey),
    read: (publicKey) => read(publicKey, store.findKey),
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
