import { isDeepStrictEqual } from 'node:util';
import type { CatalogStore, Tenant, WidgetKey } from './catalog.js';
import type { TenantFile, TenantSpec, WidgetKeySpec } from './tenant-spec.js';

/** What applying did to a tenant or a key. */
export type Outcome = 'created' | 'updated' | 'unchanged';

/** What applying a tenant file did to one tenant. */
export interface AppliedTenant {
  readonly slug: string;
  readonly outcome: Outcome;
  /** The keys of the file, with those that were made for it. */
  readonly keys: readonly {
    readonly label: string;
    readonly publicKey: string;
    readonly outcome: Outcome;
  }[];
}

/** What applying needs. */
export interface ApplyTenantsParts {
  readonly store: CatalogStore;
  /** A new UUID. */
  readonly newId: () => string;
  /** A new widget key: `pk_live_` and 32 hex digits. */
  readonly newPublicKey: () => string;
}

/** A tenant file cannot be applied to what is stored. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
}

/** How often a tenant is tried again when somebody else changed it in between. */
const ATTEMPTS = 5;

/**
 * Makes the stored catalogue say what the file says. Applying a file again changes nothing. Tenants and keys
 * that the file does not name are left alone.
 *
 * @throws ApplyError when a key belongs to another tenant; ServiceError of the store
 */
export async function applyTenants(file: TenantFile, parts: ApplyTenantsParts): Promise<AppliedTenant[]> {
  const applied: AppliedTenant[] = [];
  for (const spec of file.tenants) applied.push(await applyTenant(spec, parts));
  return applied;
}

async function applyTenant(spec: TenantSpec, parts: ApplyTenantsParts): Promise<AppliedTenant> {
  const { store, newId } = parts;
  /** What happened to each key, in whichever attempt: a key is written once. */
  const done = new Map<string, Outcome>();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await store.findTenantBySlug(spec.slug);
    if (!stored) {
      const tenant = toTenant(spec, newId(), 1);
      if (!(await store.insertTenant(tenant))) continue;
      return { slug: spec.slug, outcome: 'created', keys: await applyKeys(spec, tenant.id, done, parts) };
    }
    // Keys first and the revision after them: whoever sees the new revision reads the new keys.
    const keys = await applyKeys(spec, stored.id, done, parts);
    const wanted = toTenant(spec, stored.id, stored.revision);
    const changed = !isSame(wanted, stored) || keys.some((key) => key.outcome !== 'unchanged');
    if (!changed) return { slug: spec.slug, outcome: 'unchanged', keys };
    const next = { ...wanted, revision: stored.revision + 1 };
    if (await store.replaceTenant(next, stored.revision))
      return { slug: spec.slug, outcome: 'updated', keys };
  }
  throw new ApplyError(
    `tenant ${spec.slug} was changed by somebody else, ${ATTEMPTS} times in a row; try again`,
  );
}

async function applyKeys(
  spec: TenantSpec,
  tenantId: string,
  done: Map<string, Outcome>,
  parts: ApplyTenantsParts,
): Promise<AppliedTenant['keys']> {
  const planned = await planKeys(spec, tenantId, parts);
  for (const { key, outcome } of planned) {
    if (outcome !== 'unchanged' && !(await parts.store.putKey(key))) throw foreignKey(spec, key.publicKey);
    if (outcome !== 'unchanged') done.set(key.publicKey, outcome);
  }
  return planned.map(({ key: { label, publicKey } }) => ({
    label,
    publicKey,
    outcome: done.get(publicKey) ?? 'unchanged',
  }));
}

/** What is to be done with each key of a tenant; refused as a whole before anything is written. */
async function planKeys(
  spec: TenantSpec,
  tenantId: string,
  { store, newId, newPublicKey }: ApplyTenantsParts,
): Promise<{ key: WidgetKey; outcome: Outcome }[]> {
  const stored = await store.keysOf(tenantId);
  const named = new Set(spec.widgetKeys.map((key) => key.publicKey));
  const planned: { key: WidgetKey; outcome: Outcome }[] = [];

  for (const keySpec of spec.widgetKeys) {
    // A key that the file leaves out was made by an earlier run: it is known by its label.
    const existing = stored.find((key) =>
      keySpec.publicKey === undefined
        ? key.label === keySpec.label && !named.has(key.publicKey)
        : key.publicKey === keySpec.publicKey,
    );
    const publicKey = existing?.publicKey ?? keySpec.publicKey ?? newPublicKey();
    if (!existing && (await store.findKey(publicKey))) throw foreignKey(spec, publicKey);
    const key = toKey(keySpec, { id: existing?.id ?? newId(), tenantId, publicKey });
    planned.push({ key, outcome: !existing ? 'created' : isSame(key, existing) ? 'unchanged' : 'updated' });
  }
  return planned;
}

function foreignKey(spec: TenantSpec, publicKey: string): ApplyError {
  return new ApplyError(`tenant ${spec.slug}: the key ${publicKey} belongs to another tenant`);
}

/** Whether two records say the same; a member that is undefined is one that is not there. */
function isSame(a: object, b: object): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}

function toTenant(spec: TenantSpec, id: string, revision: number): Tenant {
  const flowIds = new Map(spec.flows.map((flow) => [flow.slug, flow.id]));
  return {
    id,
    slug: spec.slug,
    name: spec.name,
    flows: spec.flows,
    quickQuestions: spec.quickQuestions.map(({ question, pageType, flow }) => ({
      question,
      pageType,
      flowId: flow === undefined ? undefined : flowIds.get(flow),
    })),
    revision,
  };
}

function toKey(
  { publicKey: _, endsAt, ...spec }: WidgetKeySpec,
  ids: Pick<WidgetKey, 'id' | 'tenantId' | 'publicKey'>,
): WidgetKey {
  return { ...spec, ...ids, endsAt: endsAt?.getTime() };
}
