import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { v5 as uuidV5 } from 'uuid';
import { ApplyError } from './apply-error.js';
import { type PlannedSecret, planSecret, requireSealingKey, writeSecret } from './apply-identity-secret.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from './model.js';
import type { TenantFile, TenantSpec, WidgetKeySpec } from './tenant-spec.js';

/** The effect of applying a file on a tenant or a key. */
export type ApplyOutcome = 'created' | 'updated' | 'unchanged';

/** The result of applying a tenant file to one tenant. */
export interface AppliedTenant {
  readonly id: string;
  readonly slug: string;
  readonly outcome: ApplyOutcome;
  /** The number of documents written: the tenant, its keys and their secrets. */
  readonly rowsWritten: number;
  /** The keys of the file, including generated ones. */
  readonly keys: readonly {
    /** UUID: the `aud` of its customer tokens. */
    readonly id: string;
    readonly label: string;
    readonly publicKey: string;
    readonly outcome: ApplyOutcome;
    /** A new identity secret in plain text. It can be shown only now, and must not be logged. */
    readonly identitySecret?: string;
  }[];
}

/** What {@link applyTenants} needs. */
export interface ApplyTenantsDeps {
  readonly store: CatalogStore;
  /** Generates a UUID. */
  readonly newId: () => string;
  /** Generates a widget key: `pk_live_` and 32 hex digits. */
  readonly newPublicKey: () => string;
  /** Called, and awaited, before the first write to a tenant; not called for a tenant that stays unchanged. */
  readonly onChange?: (tenant: Pick<AppliedTenant, 'id' | 'slug'>) => unknown;
  /** Called, and awaited, after each tenant. */
  readonly onApplied?: (applied: AppliedTenant) => unknown;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
}

/** How often a tenant is tried when it is changed concurrently. */
const ATTEMPTS = 5;

/**
 * Applies a tenant file to the stored catalogue. It is idempotent. Tenants and keys that the file does not name are
 * left unchanged.
 *
 * @throws ApplyError when a key belongs to another tenant, an identity secret cannot be created, or concurrent changes
 * of a tenant do not end; ServiceError of the store
 */
export async function applyTenants(file: TenantFile, deps: ApplyTenantsDeps): Promise<AppliedTenant[]> {
  await requireSealingKey(file, deps);
  const applied: AppliedTenant[] = [];
  for (const spec of file.tenants) {
    const tenant = await applyTenant(spec, deps);
    await deps.onApplied?.(tenant);
    applied.push(tenant);
  }
  return applied;
}

async function applyTenant(spec: TenantSpec, deps: ApplyTenantsDeps): Promise<AppliedTenant> {
  const { store, newId } = deps;
  // Kept across attempts: a later attempt finds the keys that an earlier one has written unchanged.
  const written: Written = { keys: new Map(), secrets: new Map() };
  let wasInserted = false;
  let isChangeAnnounced = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await store.findTenantBySlug(spec.slug);
    const id = stored?.id ?? newId();
    const { planned, keysDigest } = await planKeys(spec, id, deps);
    const wanted = toTenant(spec, { id, keysDigest, revision: stored?.revision ?? 1 });
    const applied = (outcome: ApplyOutcome, isTenantWritten: boolean): AppliedTenant => {
      const rowsWritten = written.keys.size + written.secrets.size + (isTenantWritten || wasInserted ? 1 : 0);
      return { id, slug: spec.slug, outcome, rowsWritten, keys: toAppliedKeys(planned, written) };
    };
    const isChanged = ({ secret, outcome }: PlannedKey) => secret?.made || outcome !== 'unchanged';
    if (!isChangeAnnounced && (!stored || !isSame(wanted, stored) || planned.some(isChanged))) {
      await deps.onChange?.({ id, slug: spec.slug });
      isChangeAnnounced = true;
    }
    if (!stored) {
      wasInserted = await store.insertTenant(wanted);
      if (!wasInserted || !(await writeKeys(planned, written, deps))) continue;
      return applied('created', true);
    }
    // Keys and secrets are written before the revision, so that a reader of the new revision finds the new keys. If the
    // process dies in between, the stored digest is still the old one, and the next run writes the revision.
    if (!(await writeKeys(planned, written, deps))) continue;
    if (isSame(wanted, stored)) return applied(written.keys.size > 0 ? 'updated' : 'unchanged', false);
    const next = { ...wanted, revision: stored.revision + 1 };
    if (await store.replaceTenant(next, stored.revision)) return applied('updated', true);
  }
  throw new ApplyError(
    `tenant ${spec.slug} was changed by somebody else, ${ATTEMPTS} times in a row; try again`,
  );
}

/** The keys and secrets written so far, by public key. */
interface Written {
  readonly keys: Map<string, ApplyOutcome>;
  /** The new secrets in plain text. */
  readonly secrets: Map<string, string>;
}

interface PlannedKey {
  readonly key: WidgetKey;
  readonly secret: PlannedSecret | undefined;
  readonly outcome: ApplyOutcome;
}

/** Plans the changes of a tenant's keys; writes nothing. @throws ApplyError for keys and secrets that are refused */
async function planKeys(spec: TenantSpec, tenantId: string, deps: ApplyTenantsDeps) {
  const { store, newPublicKey } = deps;
  const stored = await store.keysOf(tenantId);
  const named = new Set(spec.widgetKeys.map((key) => key.publicKey));
  const planned: PlannedKey[] = [];

  for (const keySpec of spec.widgetKeys) {
    // A key without publicKey in the file was generated by an earlier run and is identified by its label.
    const existing = stored.find((key) =>
      keySpec.publicKey === undefined
        ? key.label === keySpec.label && !named.has(key.publicKey)
        : key.publicKey === keySpec.publicKey,
    );
    const publicKey = existing?.publicKey ?? keySpec.publicKey ?? newPublicKey();
    const holder = existing ?? (await store.findKey(publicKey));
    if (holder && holder.tenantId !== tenantId) {
      throw new ApplyError(`tenant ${spec.slug}: the key ${publicKey} belongs to another tenant`);
    }
    const { id = keyId(tenantId, keySpec), revision = 1, rotation } = holder ?? {};
    const same = toKey(keySpec, { id, tenantId, publicKey, revision, rotation });
    const outcome = !holder ? 'created' : isSame(same, holder) ? 'unchanged' : 'updated';
    const key = outcome === 'updated' ? { ...same, revision: revision + 1 } : same;
    planned.push({ key, secret: await planSecret(key, deps), outcome });
  }
  const plannedPublicKeys = new Set(planned.map(({ key }) => key.publicKey));
  const others = stored.filter((key) => !plannedPublicKeys.has(key.publicKey));
  const otherSecrets = await Promise.all(
    others.map((key) => (key.identity === 'off' ? undefined : store.findIdentitySecret(key.id))),
  );
  const secrets = [...otherSecrets, ...planned.map(({ secret }) => secret?.secret)];
  return { planned, keysDigest: digestOf([...others, ...planned.map(({ key }) => key)], secrets) };
}

/**
 * Writes the planned keys and secrets.
 *
 * @returns false when another process has created one of them in between; then the tenant must be planned again
 */
async function writeKeys(
  planned: readonly PlannedKey[],
  written: Written,
  { store }: ApplyTenantsDeps,
): Promise<boolean> {
  for (const { key, secret, outcome } of planned) {
    // The secret is written before its key, so that no stored key refers to a missing secret.
    if (secret?.made) {
      if (!(await writeSecret(secret.secret, secret.made.replaces, { store }))) return false;
      written.secrets.set(key.publicKey, secret.made.shown);
    }
    if (outcome === 'unchanged') continue;
    const isWritten =
      outcome === 'updated' ? await store.replaceKey(key, key.revision - 1) : await store.insertKey(key);
    if (!isWritten) return false;
    written.keys.set(key.publicKey, outcome);
  }
  return true;
}

/**
 * The id of a new key: a UUIDv5 of its tenant and its public key, or its label if the public key is generated. Two
 * processes that create the same key at the same time choose the same id, so that one of them gets a conflict.
 */
function keyId(tenantId: string, { publicKey, label }: WidgetKeySpec): string {
  return uuidV5(publicKey ?? `label:${label}`, tenantId);
}

function toAppliedKeys(planned: readonly PlannedKey[], written: Written): AppliedTenant['keys'] {
  return planned.map(({ key: { id, label, publicKey } }) => {
    const identitySecret = written.secrets.get(publicKey);
    const outcome = written.keys.get(publicKey) ?? 'unchanged';
    return { id, label, publicKey, outcome, ...(identitySecret !== undefined && { identitySecret }) };
  });
}

/** The SHA-256 of a tenant's keys and sealed secrets, independent of their order. */
function digestOf(keys: readonly WidgetKey[], secrets: readonly (IdentitySecret | undefined)[]): string {
  const sealed = secrets.flatMap((secret) =>
    secret ? [{ ...secret, sealed: Buffer.from(secret.sealed).toString('base64url') }] : [],
  );
  const rows = [...keys, ...sealed]
    .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort();
  return createHash('sha256').update(rows.join('\n')).digest('base64url');
}

/** Whether two records are deeply equal; an undefined member equals a missing one. */
function isSame(a: object, b: object): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}

function toTenant(spec: TenantSpec, rest: Pick<Tenant, 'id' | 'keysDigest' | 'revision'>): Tenant {
  const flowIds = new Map(spec.flows.map((flow) => [flow.slug, flow.id]));
  return {
    ...rest,
    slug: spec.slug,
    name: spec.name,
    flows: spec.flows,
    quickQuestions: spec.quickQuestions.map(({ question, pageType, flow }) => ({
      question,
      pageType,
      flowId: flow === undefined ? undefined : flowIds.get(flow),
    })),
  };
}

function toKey(
  { publicKey: _, endsAt, ...spec }: WidgetKeySpec,
  rest: Pick<WidgetKey, 'id' | 'tenantId' | 'publicKey' | 'rotation' | 'revision'>,
): WidgetKey {
  return { ...spec, ...rest, endsAt: endsAt?.getTime() };
}
