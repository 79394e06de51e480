import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { type ApplyTenantsDeps, applyTenants } from '../../src/catalog/apply-tenants.js';
import { createIdentitySecrets } from '../../src/catalog/identity-secrets.js';
import type { CatalogStore } from '../../src/catalog/model.js';
import { newPublicKey } from '../../src/catalog/public-key.js';
import { parseTenantFile } from '../../src/catalog/tenant-file.js';
import type { TenantSpec } from '../../src/catalog/tenant-spec.js';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoCatalog } from '../../src/mongo/mongo-catalog.js';
import { repoFile } from './repo-file.js';

/** A database that services store in. */
export interface DatabaseName {
  readonly uri: string;
  readonly name: string;
}

/** What applying a tenant file needs, with no audit and no other process to tell. */
export function applyDeps(catalog: CatalogStore, more: Partial<ApplyTenantsDeps> = {}): ApplyTenantsDeps {
  return {
    catalog,
    newId: () => randomUUID(),
    newPublicKey: () => newPublicKey(randomBytes),
    identitySecrets: createIdentitySecrets({ keyring: async () => [], randomBytes }),
    freshness: { change: (_tenantId, writes) => writes() },
    originReports: { deleteOriginReports: async () => {} },
    changeQueue: (_key, work) => work(),
    now: Date.now,
    wait: (ms) => setTimeout(ms),
    audited: (_tenant, writes) => writes({ count: 0 }),
    ...more,
  };
}

/**
 * Changes a tenant of the parity tables, as an operator does who applies another tenant file. `change` says what is
 * other than in the file.
 *
 * @returns the catalogue's revision after it
 */
export async function changeTenant(
  { uri, name }: DatabaseName,
  slug: string,
  change: (tenant: TenantSpec) => TenantSpec,
): Promise<number> {
  const fileName = 'open-session.seed.yaml';
  const file = parseTenantFile(await readFile(repoFile(`test/cases/${fileName}`), 'utf8'), { fileName });
  const tenants = file.tenants.filter((tenant) => tenant.slug === slug).map(change);
  const database = await openDatabase(uri, name);
  try {
    const catalog = mongoCatalog(database);
    await applyTenants({ tenants }, applyDeps(catalog));
    return (await catalog.findTenantBySlug(slug))?.revision ?? 0;
  } finally {
    await database.close();
  }
}

/**
 * Removes a widget key for good, as an operator does by hand: the key, and then a new revision of its tenant.
 *
 * @returns the catalogue's revision after it
 */
export async function removeKey({ uri, name }: DatabaseName, publicKey: string): Promise<number> {
  const database = await openDatabase(uri, name);
  try {
    const store = mongoCatalog(database);
    const key = await store.findKey(publicKey);
    const tenant = key && (await store.findTenant(key.tenantId));
    if (!tenant) throw new Error(`no key ${publicKey}`);
    await database.widgetKeys.deleteMany({ publicKey });
    const revision = tenant.revision + 1;
    if (!(await store.replaceTenant({ ...tenant, revision }, tenant.revision)))
      throw new Error('changed meanwhile');
    return revision;
  } finally {
    await database.close();
  }
}
