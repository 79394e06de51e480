import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Elapsed, elapsed as monotonic } from '../time/elapsed.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from './model.js';
import { asReachedBy } from './public-keys.js';
import { type WidgetView, widgetView } from './widget-view.js';

/** The widget views of all keys. */
export interface WidgetViews {
  /** The view of a key; undefined when there is no such key. */
  get(publicKey: string): Promise<WidgetView | undefined>;
  /** What the store has of a key now, past the cache: for explaining it. */
  read(publicKey: string): Promise<ReadWidget | undefined>;
  /** The same, by the key's id. */
  getById(keyId: string): Promise<WidgetView | undefined>;
}

/** A cache of widget views. A view is evicted when its tenant's catalogue has changed: see freshness.ts. */
export interface WidgetViewCache extends WidgetViews {
  /** Whether a tenant has a cached view. */
  hasTenant(tenantId: string): boolean;
  /** The ids of the tenants that have a cached view. */
  tenants(): readonly string[];
  /** Evicts the views of a tenant that has changed, and calls {@link forgetUnfinished}. */
  evict(tenantId: string): void;
  /** Evicts the views of these tenants that are not of the current revision; a tenant without one is gone. */
  evictStale(tenantIds: readonly string[], revisions: ReadonlyMap<string, number>): void;
  /**
   * Forgets what may be older than a change that has just been noticed: the unknown keys, and the views that are being
   * loaded. Those who wait for such a view get it, but it is not cached, and later calls load another.
   */
  forgetUnfinished(): void;
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
  /**
   * How long an unknown key is cached at most, in ms. A new key is found sooner, because it is announced; this bounds
   * the delay of a key that was stored by hand.
   */
  readonly unknownMs?: number;
}

/** Creates an empty cache. A view is computed at first use and cached until it is evicted. */
export function createWidgetViews(deps: WidgetViewsDeps): WidgetViewCache {
  const { store, elapsed = monotonic, capacity = 10_000, unknownMs = 60_000 } = deps;
  /** Views by public key and by id; the two kinds of name cannot be equal. */
  const known = new LRUCache<string, WidgetView>({
    max: capacity,
    onInsert: (view, name) => addName(view.tenantId, name),
    dispose: (view, name) => removeName(view.tenantId, name),
  });
  /** The names of the cached views by tenant, so that a change costs nothing for the others. */
  const namesOf = new Map<string, Set<string>>();
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

  async function load(
    name: string,
    find: FindKey,
    isCurrent: () => boolean,
  ): Promise<WidgetView | undefined> {
    const widget = await read(name, find);
    if (!isCurrent()) return widget?.view;
    if (widget) known.set(name, widget.view);
    else unknown.set(name, true);
    return widget?.view;
  }

  async function findByPublicKey(publicKey: string): Promise<WidgetKey | undefined> {
    const key = await store.findKey(publicKey);
    return key && asReachedBy(publicKey, key);
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

    const pending = loading.get(name);
    if (pending) return pending;
    const started: Promise<WidgetView | undefined> = load(
      name,
      find,
      () => loading.get(name) === started,
    ).finally(() => {
      if (loading.get(name) === started) loading.delete(name);
    });
    loading.set(name, started);
    return started;
  }

  function addName(tenantId: string, name: string): void {
    const names = namesOf.get(tenantId);
    if (names) names.add(name);
    else namesOf.set(tenantId, new Set([name]));
  }

  function removeName(tenantId: string, name: string): void {
    const names = namesOf.get(tenantId);
    names?.delete(name);
    if (names?.size === 0) namesOf.delete(tenantId);
  }

  function evictIf(tenantId: string, isStale: (view: WidgetView) => boolean): void {
    for (const name of [...(namesOf.get(tenantId) ?? [])]) {
      const view = known.peek(name);
      if (view && isStale(view)) known.delete(name);
    }
  }

  function forgetUnfinished(): void {
    unknown.clear();
    loading.clear();
  }

  return {
    get: (publicKey) => get(publicKey, findByPublicKey),
    read: (publicKey) => read(publicKey, findByPublicKey),
    getById: (keyId) => get(keyId, store.findKeyById),
    hasTenant: (tenantId) => namesOf.has(tenantId),
    tenants: () => [...namesOf.keys()],
    forgetUnfinished,

    evict(tenantId) {
      forgetUnfinished();
      evictIf(tenantId, () => true);
    },

    evictStale(tenantIds, revisions) {
      for (const id of tenantIds) evictIf(id, ({ revision }) => revision !== revisions.get(id));
    },
  };
}

type FindKey = (name: string) => Promise<WidgetKey | undefined>;
