import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { v5 as uuidV5 } from 'uuid';
import { ApplyError } from './apply-error.js';
import { type PlannedSecret, planSecret, requireSealingKey, writeSecret } from './apply-identity-secret.js';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from './catalog.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { TenantFile, TenantSpec, WidgetKeySpec } from './tenant-spec.js';

/** What applying did to a tenant or a key. */
export type Outcome = 'created' | 'updated' | 'unchanged';

/** What applying a tenant file did to one tenant. */
export interface AppliedTenant {
  readonly id: string;
  readonly slug: string;
  readonly outcome: Outcome;
  /** How many rows were written: the tenant's, and those of its keys and their secrets. */
  readonly rowsWritten: number;
  /** The keys of the file, with those that were made for it. */
  readonly keys: readonly {
    /** UUID: the `aud` of its customer tokens. */
    readonly id: string;
    readonly label: string;
    readonly publicKey: string;
    readonly outcome: Outcome;
    /** The secret that was made for it, to be shown this once and never logged: see identity-secrets.ts. */
    readonly identitySecret?: string;
  }[];
}

/** What applying needs. */
export interface ApplyTenantsDeps {
  readonly store: CatalogStore;
  /** A new UUID. */
  readonly newId: () => string;
  /** A new widget key: `pk_live_` and 32 hex digits. */
  readonly newPublicKey: () => string;
  /** Told of each tenant that is about to be changed, before anything of it is written. */
  readonly onChange?: (tenant: Pick<AppliedTenant, 'id' | 'slug'>) => unknown;
  /** Told of each tenant, before the next one is begun with. */
  readonly onApplied?: (applied: AppliedTenant) => unknown;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
}

/** How often a tenant is tried again when somebody else changed it in between. */
const ATTEMPTS = 5;

/**
 * Makes the stored catalogue say what the file says. Applying a file again changes nothing. Tenants and keys
 * that the file does not name are left alone.
 *
 * @throws ApplyError when a key belongs to another tenant, an identity secret cannot be made, or a tenant keeps being
 * changed by somebody else; ServiceError of the store
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
  /** What happened to each key, in whichever attempt: a key is written once. */
  const done: Done = { keys: new Map(), secrets: new Map() };
  let wasInserted = false;
  let isTold = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await store.findTenantBySlug(spec.slug);
    const id = stored?.id ?? newId();
    const { planned, keysDigest } = await planKeys(spec, id, deps);
    const wanted = toTenant(spec, { id, keysDigest, revision: stored?.revision ?? 1 });
    const applied = (outcome: Outcome, isTenantWritten: boolean): AppliedTenant => {
      const rowsWritten = done.keys.size + done.secrets.size + (isTenantWritten || wasInserted ? 1 : 0);
      return { id, slug: spec.slug, outcome, rowsWritten, keys: report(planned, done) };
    };
    const isChanged = ({ secret, outcome }: PlannedKey) => secret?.made || outcome !== 'unchanged';
    if (!isTold && (!stored || !isSame(wanted, stored) || planned.some(isChanged))) {
      await deps.onChange?.({ id, slug: spec.slug });
      isTold = true;
    }
    if (!stored) {
      wasInserted = await store.insertTenant(wanted);
      if (!wasInserted || !(await writeKeys(planned, done, deps))) continue;
      return applied('created', true);
    }
    // Keys and their secrets first and the revision after them: whoever sees the new revision reads the new keys.
    // Were the second write lost, the digest would still be the old one, and the next run would make up for it.
    if (!(await writeKeys(planned, done, deps))) continue;
    if (isSame(wanted, stored)) return applied(done.keys.size > 0 ? 'updated' : 'unchanged', false);
    const next = { ...wanted, revision: stored.revision + 1 };
    if (await store.replaceTenant(next, stored.revision)) return applied('updated', true);
  }
  throw new ApplyError(
    `tenant ${spec.slug} was changed by somebody else, ${ATTEMPTS} times in a row; try again`,
  );
}

/** What was written, by public key. */
interface Done {
  readonly keys: Map<string, Outcome>;
  /** The secrets that were made, as they are shown. */
  readonly secrets: Map<string, string>;
}

interface PlannedKey {
  readonly key: WidgetKey;
  readonly secret: PlannedSecret | undefined;
  readonly outcome: Outcome;
}

/** What is to be done with each key of a tenant; refused as a whole before anything is written. */
async function planKeys(spec: TenantSpec, tenantId: string, deps: ApplyTenantsDeps) {
  const { store, newPublicKey } = deps;
  const stored = await store.keysOf(tenantId);
  const named = new Set(spec.widgetKeys.map((key) => key.publicKey));
  const planned: PlannedKey[] = [];

  for (const keySpec of spec.widgetKeys) {
    // A key that the file leaves out was made by an earlier run: it is known by its label.
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
    const key = toKey(keySpec, { id: holder?.id ?? keyId(tenantId, keySpec), tenantId, publicKey });
    const outcome = !holder ? 'created' : isSame(key, holder) ? 'unchanged' : 'updated';
    planned.push({ key, secret: await planSecret(key, deps), outcome });
  }
  const planNames = new Set(planned.map(({ key }) => key.publicKey));
  const others = stored.filter((key) => !planNames.has(key.publicKey));
  const otherSecrets = await Promise.all(
    others.map((key) => (key.identity === 'off' ? undefined : store.findIdentitySecret(key.id))),
  );
  const secrets = [...otherSecrets, ...planned.map(({ secret }) => secret?.secret)];
  return { planned, keysDigest: digestOf([...others, ...planned.map(({ key }) => key)], secrets) };
}

/** @returns false when somebody else made one of the keys or secrets in between: then all is to be planned anew. */
async function writeKeys(
  planned: readonly PlannedKey[],
  done: Done,
  { store }: ApplyTenantsDeps,
): Promise<boolean> {
  for (const { key, secret, outcome } of planned) {
    // Before its key: a key never asks for a secret that is not there yet.
    if (secret?.made) {
      if (!(await writeSecret(secret.secret, secret.made.replaces, { store }))) return false;
      done.secrets.set(key.publicKey, secret.made.shown);
    }
    if (outcome === 'unchanged') continue;
    if (outcome === 'updated') await store.replaceKey(key);
    else if (!(await store.insertKey(key))) return false;
    done.keys.set(key.publicKey, outcome);
  }
  return true;
}

/**
 * The id of a new key: a UUIDv5 of its tenant and of what tells it apart there, so that of two processes that make it
 * at the same moment one finds it taken.
 */
function keyId(tenantId: string, { publicKey, label }: WidgetKeySpec): string {
  return uuidV5(publicKey ?? `label:${label}`, tenantId);
}

function report(planned: readonly PlannedKey[], done: Done): AppliedTenant['keys'] {
  return planned.map(({ key: { id, label, publicKey } }) => {
    const identitySecret = done.secrets.get(publicKey);
    const outcome = done.keys.get(publicKey) ?? 'unchanged';
    return { id, label, publicKey, outcome, ...(identitySecret !== undefined && { identitySecret }) };
  });
}

/** SHA-256 of what the keys of a tenant say, with their sealed secrets, whatever their order. */
function digestOf(keys: readonly WidgetKey[], secrets: readonly (IdentitySecret | undefined)[]): string {
  const sealed = secrets.flatMap((secret) =>
    secret ? [{ ...secret, sealed: Buffer.from(secret.sealed).toString('base64url') }] : [],
  );
  const rows = [...keys, ...sealed]
    .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort();
  return createHash('sha256').update(rows.join('\n')).digest('base64url');
}

/** Whether two records say the same; a member that is undefined is one that is not there. */
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
  ids: Pick<WidgetKey, 'id' | 'tenantId' | 'publicKey'>,
): WidgetKey {
  return { ...spec, ...ids, endsAt: endsAt?.getTime() };
}
