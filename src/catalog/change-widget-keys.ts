import { type CallSignal, throwIfEnded } from '../rpc/call-signal.js';
import { ServiceError } from '../rpc/errors.js';
import type { Freshness } from './freshness.js';
import { digestOfKeys } from './keys-digest.js';
import type { CatalogStore, Tenant, WidgetKey } from './model.js';

/** What {@link changeWidgetKeys} needs. */
export interface KeyChangeDeps {
  readonly catalog: CatalogStore;
  readonly freshness: Pick<Freshness, 'change'>;
  /** Serialises the changes of one tenant in this process, so that they do not make each other start again. */
  readonly changeQueue: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

/** A tenant with its widget keys, as they are stored. */
export interface TenantKeys {
  readonly tenant: Tenant;
  readonly keys: readonly WidgetKey[];
}

/** A planned change of one widget key. */
export interface KeyChange<T> {
  /** What the change answers. */
  readonly answer: T;
  /** @returns false when another process has changed the key since it was read; then the change is planned again */
  readonly write: () => Promise<boolean>;
  /**
   * Undoes `write`. Set when the change is only right for the revision of the tenant that it was planned with, because
   * it depends on the tenant's other keys.
   */
  readonly undo?: () => Promise<void>;
}

/** How often a change is planned when other processes change the same tenant. */
const ATTEMPTS = 5;

/**
 * Changes a widget key of a tenant, and then raises the tenant's revision, which makes the change show.
 *
 * `plan` gets what is stored. It throws to refuse, and returns undefined, or only an answer, to change nothing. When an
 * earlier call died between the key and the revision, the next one raises it.
 *
 * @returns the answer, and the tenant's revision
 * @throws ServiceError not_found (no such tenant), unavailable, deadline_exceeded, canceled; what `plan` throws
 */
export function changeWidgetKeys<T>(
  deps: KeyChangeDeps,
  tenantId: string,
  signal: CallSignal,
  plan: (current: TenantKeys) => Promise<KeyChange<T> | Pick<KeyChange<T>, 'answer'>>,
): Promise<{ readonly answer: T; readonly revision: number }> {
  const { catalog, freshness, changeQueue } = deps;

  async function attempt(): Promise<{ answer: T; revision: number } | undefined> {
    throwIfEnded(signal);
    const current = await readKeys(catalog, tenantId);
    const change = await plan(current);
    throwIfEnded(signal);
    if (!('write' in change)) {
      const isUnfinished = (await digest(catalog, current.keys)) !== current.tenant.keysDigest;
      const revision = isUnfinished
        ? await freshness.change(tenantId, () => raiseRevision(catalog, tenantId))
        : current.tenant.revision;
      return { answer: change.answer, revision };
    }
    return freshness.change(tenantId, async () => {
      if (!(await change.write())) return undefined;
      if (!change.undo) return { answer: change.answer, revision: await raiseRevision(catalog, tenantId) };
      const revision = await raiseRevisionOnce(catalog, current.tenant);
      if (revision === undefined) await change.undo();
      return revision === undefined ? undefined : { answer: change.answer, revision };
    });
  }

  return changeQueue(tenantId, async () => {
    for (let n = 0; n < ATTEMPTS; n++) {
      const done = await attempt();
      if (done) return done;
    }
    throw changedByOthers();
  });
}

/** Reads a tenant with its widget keys. @throws ServiceError not_found */
export async function readKeys(
  catalog: Pick<CatalogStore, 'findTenant' | 'keysOf'>,
  tenantId: string,
): Promise<TenantKeys> {
  const tenant = await catalog.findTenant(tenantId);
  if (!tenant) throw new ServiceError('not_found', 'There is no such tenant.');
  return { tenant, keys: await catalog.keysOf(tenantId) };
}

/** Raises the revision of a tenant until it stands for the stored keys. @returns the revision */
async function raiseRevision(catalog: CatalogStore, tenantId: string): Promise<number> {
  for (let n = 0; n < ATTEMPTS; n++) {
    const { tenant, keys } = await readKeys(catalog, tenantId);
    // Another process, with the same keys, was faster.
    if (tenant.keysDigest === (await digest(catalog, keys))) return tenant.revision;
    const revision = await raiseRevisionOnce(catalog, tenant);
    if (revision !== undefined) return revision;
  }
  throw changedByOthers();
}

async function raiseRevisionOnce(catalog: CatalogStore, tenant: Tenant): Promise<number | undefined> {
  const keysDigest = await digest(catalog, await catalog.keysOf(tenant.id));
  const revision = tenant.revision + 1;
  return (await catalog.replaceTenant({ ...tenant, keysDigest, revision }, tenant.revision))
    ? revision
    : undefined;
}

async function digest(catalog: CatalogStore, keys: readonly WidgetKey[]): Promise<string> {
  const secrets = keys.map(({ id, identity }) =>
    identity === 'off' ? undefined : catalog.findIdentitySecret(id),
  );
  return digestOfKeys(keys, await Promise.all(secrets));
}

function changedByOthers(): ServiceError {
  return new ServiceError('unavailable', 'This tenant is being changed by others.', { retryAfterSeconds: 1 });
}
