import type {
  CatalogStore,
  IdentitySecret,
  PublicKeyAlias,
  Tenant,
  WidgetKey,
} from '../../src/catalog/model.js';

/** A catalogue store in memory, with what was written to it, and room for somebody else before a write. */
export function memoryCatalog() {
  const tenants = new Map<string, Tenant>();
  const keys = new Map<string, WidgetKey>();
  const aliases = new Map<string, PublicKeyAlias>();
  const secrets = new Map<string, IdentitySecret>();
  const written: string[] = [];
  /** What somebody else does, or what fails, just before a write. */
  const before: { tenant?: () => void; key?: () => void; secret?: () => void } = {};

  const holderOf = (publicKey: string) =>
    [...keys.values()].find((key) => (key.rotation?.firstPublicKey ?? key.publicKey) === publicKey) ??
    keys.get(aliases.get(publicKey)?.keyId ?? '');

  const catalog: CatalogStore = {
    findKey: async (publicKey) => holderOf(publicKey),
    findKeyById: async (id) => keys.get(id),
    findTenant: async (id) => tenants.get(id),
    findTenantBySlug: async (slug) => [...tenants.values()].find((tenant) => tenant.slug === slug),
    revisions: async () => new Map(),
    keysOf: async (tenantId) => [...keys.values()].filter((key) => key.tenantId === tenantId),
    async listTenants(after, limit) {
      const sorted = [...tenants.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
      return sorted
        .filter(({ slug }) => slug > after)
        .slice(0, limit)
        .map(({ slug, name, revision, flows }) => {
          const publishedFlowCount = flows.filter(({ published }) => published).length;
          return { slug, name, revision, flowCount: flows.length, publishedFlowCount };
        });
    },
    async insertTenant(tenant) {
      before.tenant?.();
      if ([...tenants.values()].some(({ slug }) => slug === tenant.slug)) return false;
      tenants.set(tenant.id, tenant);
      written.push(`tenant ${tenant.slug} r${tenant.revision}`);
      return true;
    },
    async replaceTenant(tenant, expectedRevision) {
      before.tenant?.();
      if (tenants.get(tenant.id)?.revision !== expectedRevision) return false;
      tenants.set(tenant.id, tenant);
      written.push(`tenant ${tenant.slug} r${tenant.revision}`);
      return true;
    },
    deleteTenant: async (id) => void tenants.delete(id),
    async insertKey(key) {
      before.key?.();
      if (keys.has(key.id) || holderOf(key.publicKey)) return false;
      keys.set(key.id, stored(key));
      written.push(`key ${key.name}`);
      return true;
    },
    async replaceKey(key, expectedRevision) {
      before.key?.();
      if (keys.get(key.id)?.revision !== expectedRevision) return false;
      keys.set(key.id, stored(key));
      written.push(`key ${key.name}`);
      return true;
    },
    async insertAlias(alias) {
      if (holderOf(alias.publicKey)) return false;
      aliases.set(alias.publicKey, alias);
      return true;
    },
    async deleteAliases({ id }, except) {
      for (const alias of [...aliases.values()]) {
        if (alias.keyId === id && !except.includes(alias.publicKey)) aliases.delete(alias.publicKey);
      }
    },
    deleteKey: async (id) => void keys.delete(id),
    findIdentitySecret: async (keyId) => secrets.get(keyId),
    insertIdentitySecret: async (secret) => putSecret(secret, undefined),
    replaceIdentitySecret: async (secret, expected) => putSecret(secret, expected),
    deleteIdentitySecret: async (keyId) => void secrets.delete(keyId),
  };

  /** The answer to a write of a secret that was done: false when the driver sent it twice. */
  const answers = { secret: true };
  function putSecret(secret: IdentitySecret, expected: number | undefined): boolean {
    before.secret?.();
    if (secrets.get(secret.keyId)?.generation !== expected) return false;
    secrets.set(secret.keyId, secret);
    written.push(`secret ${secret.generation}`);
    return answers.secret;
  }

  return { catalog, tenants, keys, aliases, secrets, written, before, answers };
}

/** A derived name is stored with the key. */
function stored(key: WidgetKey): WidgetKey {
  return key.nameSource === 'unstored' ? { ...key, nameSource: 'derived' } : key;
}
