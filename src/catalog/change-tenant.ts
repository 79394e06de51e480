import { isDeepStrictEqual } from 'node:util';
import type { Tally } from '../rpc/audit.js';
import { type CallSignal, throwIfEnded } from '../rpc/call-signal.js';
import { ServiceError } from '../rpc/errors.js';
import type { Freshness } from './freshness.js';
import type { CatalogStore, IdentitySecret, PublicKeyAlias, Tenant, WidgetKey } from './model.js';

/** What {@link changeTenant} needs. */
export interface ChangeTenantDeps {
  readonly catalog: CatalogStore;
  readonly freshness: Pick<Freshness, 'change'>;
  readonly originReports: { deleteOriginReports(keyIds: readonly string[]): Promise<void> };
  /** Serialises the changes of one tenant within this process, which avoids retries. */
  readonly changeQueue: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits this many ms. */
  readonly wait: (ms: number) => Promise<void>;
}

/** A tenant as it is stored. */
export interface StoredTenant {
  readonly tenant: Tenant;
  /** All of its widget keys, by name. */
  readonly keys: readonly WidgetKey[];
}

/** A tenant as it shall be. */
export interface TenantPlan<T> {
  /** Its `revision` and `claimedUntil` do not matter. */
  readonly tenant: Tenant;
  /** All of its widget keys: new ones are inserted, others replaced when they differ, and missing ones deleted. */
  readonly keys: readonly WidgetKey[];
  /** New public keys of widget keys that are rotated. */
  readonly aliases?: readonly PublicKeyAlias[];
  /** New identity secrets, and the generation of the one that each replaces. */
  readonly secrets?: readonly { readonly secret: IdentitySecret; readonly replaces: number | undefined }[];
  /** How many things change, for the audit. */
  readonly count: number;
  readonly answer: T;
}

/** How a tenant is changed. */
export interface ChangeOptions {
  readonly signal?: CallSignal;
  /** Whether `plan` may get a tenant that is being deleted. Otherwise such a tenant counts as deleted: not_found. */
  readonly allowsDeleting?: boolean;
  /** Plans the change, and writes nothing. */
  readonly validateOnly?: boolean;
  /** Runs the writes between two entries of the audit log; not called when there is nothing to write. */
  readonly audited: <R>(tenantId: string, writes: (tally: Tally) => Promise<R>) => Promise<R>;
}

/** The answer of a change. */
export interface Changed<T> {
  readonly answer: T;
  /** The tenant's revision after the change; without a change, the one that it has. */
  readonly revision: number;
  /** Whether anything was, or would be, written. */
  readonly isChanged: boolean;
}

/** How often a change is planned when other processes change the same tenant. */
const ATTEMPTS = 20;
/** How long a writer has a tenant for itself, in ms. Its some 50 documents take a fraction of that. */
const CLAIM_MS = 10_000;
/** By how much the clocks of two processes may differ, in ms: a claim that lasts longer is not believed. */
const MAX_SKEW_MS = 30_000;
/** How often a claimed tenant is read again, in ms. */
const CLAIM_POLL_MS = 25;

/**
 * Changes a tenant and its widget keys, or creates it: reads it, plans, and writes what differs by compare-and-set. Two
 * changes at once both succeed, one after the other, and each sees the result of the other as a whole.
 *
 * A change of the tenant alone is one write. Widget keys are documents of their own, so their writer first claims the
 * tenant, then writes the keys, and with the last write gives the tenant its new revision and the claim back. Others
 * wait for that. A writer that dies leaves its claim, and the next change after the claim's end completes the revision.
 *
 * @param find reads the tenant; undefined when there is none yet
 * @param plan plans the change of what is stored; called again when another process was faster. To refuse, it throws.
 * @throws ServiceError unavailable, deadline_exceeded, canceled; what `plan` throws
 */
export function changeTenant<T>(
  deps: ChangeTenantDeps,
  slug: string,
  find: () => Promise<Tenant | undefined>,
  plan: (stored: StoredTenant | undefined) => Promise<TenantPlan<T>> | TenantPlan<T>,
  { signal, allowsDeleting = false, validateOnly = false, audited }: ChangeOptions,
): Promise<Changed<T>> {
  async function look() {
    const stored = await readTenant(deps, find, signal);
    if (stored?.tenant.deletingSince !== undefined && !allowsDeleting) {
      throw new ServiceError('not_found', 'The tenant is being deleted.');
    }
    const planned = await plan(stored);
    const writes = writesOf(stored, planned);
    const isChanged = writes.tenant !== 'same' || writes.touchesKeys;
    const revision = stored?.tenant.revision ?? 0;
    return { stored, planned, writes, unchanged: { answer: planned.answer, revision, isChanged } };
  }

  return deps.changeQueue(`catalog ${slug}`, async () => {
    let next = await look();
    if (validateOnly || !next.unchanged.isChanged) return next.unchanged;
    return audited(next.planned.tenant.id, async (tally) => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (signal) throwIfEnded(signal);
        const { stored, planned, writes } = next;
        const write = () => writeAll(deps, stored?.tenant, planned, writes);
        const revision = await deps.freshness.change(planned.tenant.id, write);
        if (revision !== undefined) {
          tally.count = planned.count;
          return { answer: planned.answer, revision, isChanged: true };
        }
        next = await look();
        if (!next.unchanged.isChanged) return next.unchanged;
      }
      throw new ServiceError('unavailable', 'This tenant is being changed by others.', {
        retryAfterSeconds: 1,
      });
    });
  });
}

/**
 * Reads a tenant and its widget keys as they are between two changes.
 *
 * @throws ServiceError deadline_exceeded, canceled
 */
export async function readTenant(
  {
    catalog,
    now,
    wait,
  }: Pick<ChangeTenantDeps, 'now' | 'wait'> & {
    readonly catalog: Pick<CatalogStore, 'keysOf'>;
  },
  find: () => Promise<Tenant | undefined>,
  signal?: CallSignal,
): Promise<StoredTenant | undefined> {
  for (;;) {
    if (signal) throwIfEnded(signal);
    const tenant = await find();
    if (!tenant) return undefined;
    const left = (tenant.claimedUntil ?? 0) - now();
    if (left <= 0 || left > CLAIM_MS + MAX_SKEW_MS) {
      const keys = await catalog.keysOf(tenant.id);
      // Another writer may have begun between the two reads.
      if ((await find())?.revision === tenant.revision) return { tenant, keys };
    } else {
      await wait(CLAIM_POLL_MS);
    }
  }
}

/** What differs between a stored tenant and a planned one. */
interface Writes {
  /** `applied`: only what was applied last is to be noted, which shows nowhere and raises no revision. */
  readonly tenant: 'same' | 'applied' | 'differs';
  readonly touchesKeys: boolean;
  readonly inserted: readonly WidgetKey[];
  readonly replaced: readonly { readonly key: WidgetKey; readonly expected: number }[];
  readonly deleted: readonly WidgetKey[];
}

function writesOf<T>(stored: StoredTenant | undefined, planned: TenantPlan<T>): Writes {
  const before = new Map(stored?.keys.map((key) => [key.id, key]));
  const wanted = new Set(planned.keys.map(({ id }) => id));
  const inserted = planned.keys.filter(({ id }) => !before.has(id));
  const deleted = (stored?.keys ?? []).filter(({ id }) => !wanted.has(id));
  const differing = planned.keys.filter((key) => {
    const old = before.get(key.id);
    return old && !isSame(key, old);
  });
  const others = [planned.aliases, planned.secrets].some((list) => list && list.length > 0);
  const touchesKeys = others || inserted.length + deleted.length + differing.length > 0;
  // Derived names are stored with the first change, so that they do not depend on the other keys any more.
  const unnamed = touchesKeys
    ? planned.keys.filter((key) => key.nameSource === 'unstored' && !differing.includes(key))
    : [];
  return {
    tenant: tenantDifference(stored?.tenant, planned.tenant),
    touchesKeys,
    inserted,
    replaced: [...differing, ...unnamed].map((key) => {
      const expected = before.get(key.id)?.revision ?? 1;
      return { key: { ...key, revision: expected + 1 }, expected };
    }),
    deleted,
  };
}

function tenantDifference(stored: Tenant | undefined, planned: Tenant): Writes['tenant'] {
  // A claim that is left over must be given back, and a tenant without a revision completed.
  if (!stored || stored.claimedUntil !== undefined || stored.revision === 0) return 'differs';
  const { revision } = stored;
  if (!isSame({ ...planned, revision, applied: undefined }, { ...stored, applied: undefined }))
    return 'differs';
  return isSame(planned.applied ?? {}, stored.applied ?? {}) ? 'same' : 'applied';
}

/** @returns the new revision; undefined when another process was faster and the change must be planned again */
async function writeAll<T>(
  deps: ChangeTenantDeps,
  stored: Tenant | undefined,
  planned: TenantPlan<T>,
  writes: Writes,
): Promise<number | undefined> {
  const { catalog, now } = deps;
  const { claimedUntil: _, ...wanted } = planned.tenant;
  const from = stored?.revision ?? 0;
  if (!writes.touchesKeys) {
    const revision = writes.tenant === 'applied' ? from : from + 1;
    const next = { ...wanted, revision };
    const isWritten = stored ? await catalog.replaceTenant(next, from) : await catalog.insertTenant(next);
    return isWritten ? revision : undefined;
  }
  // Until the keys are written the tenant offers what it did before; a new one has no revision yet, and offers nothing.
  const claimed = {
    ...(stored ?? { ...wanted, flows: [], quickQuestions: [], applied: undefined }),
    claimedUntil: now() + CLAIM_MS,
    revision: stored ? from + 1 : 0,
  };
  if (!(stored ? await catalog.replaceTenant(claimed, from) : await catalog.insertTenant(claimed))) {
    return undefined;
  }
  let isWritten = false;
  try {
    isWritten = await writeKeys(deps, planned, writes);
  } finally {
    // Without all of the keys, the tenant stays as it was; what was written of them is planned anew.
    if (!isWritten) await release(catalog, claimed);
  }
  if (!isWritten) return undefined;
  const next = { ...wanted, revision: claimed.revision + 1 };
  return (await catalog.replaceTenant(next, claimed.revision)) ? next.revision : undefined;
}

/** Gives a claim back. If this fails as well, the claim ends by itself. */
async function release(catalog: CatalogStore, claimed: Tenant): Promise<void> {
  const { claimedUntil: _, ...rest } = claimed;
  const revision = claimed.revision === 0 ? 0 : claimed.revision + 1;
  await catalog.replaceTenant({ ...rest, revision }, claimed.revision).catch(() => {});
}

async function writeKeys<T>(
  { catalog, originReports }: ChangeTenantDeps,
  { aliases = [], secrets = [] }: TenantPlan<T>,
  { inserted, replaced, deleted }: Writes,
): Promise<boolean> {
  // Secrets and aliases come before the key that needs them, so that no stored key refers to what is missing.
  for (const { secret, replaces } of secrets) {
    const isWritten =
      replaces === undefined
        ? await catalog.insertIdentitySecret(secret)
        : await catalog.replaceIdentitySecret(secret, replaces);
    if (!isWritten) return false;
  }
  for (const alias of aliases) if (!(await catalog.insertAlias(alias))) return false;
  for (const { key, expected } of replaced) if (!(await catalog.replaceKey(key, expected))) return false;
  for (const key of inserted) if (!(await catalog.insertKey(key))) return false;
  for (const key of deleted) {
    // The key comes last: as long as it is there, a call that failed in between can be repeated.
    if (!(await catalog.replaceKey({ ...key, enabled: false, revision: key.revision + 1 }, key.revision))) {
      return false;
    }
    await catalog.deleteIdentitySecret(key.id);
    await originReports.deleteOriginReports([key.id]);
    await catalog.deleteAliases(key, 'all');
    await catalog.deleteKey(key.id);
  }
  return true;
}

/** Whether two records are deeply equal; an undefined member equals a missing one. */
function isSame(a: object, b: object): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}
