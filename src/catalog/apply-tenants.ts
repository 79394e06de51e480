import { CatalogChange_Kind as Kind } from '../gen/ts-proto/chatsessions/v1/catalog.js';
import type { Tally } from '../rpc/audit.js';
import { ApplyError } from './apply-error.js';
import {
  type AppliedDefinition,
  type ApplyTenantDeps,
  applyTenant,
  DefinitionError,
} from './apply-tenant.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { TenantFile } from './tenant-spec.js';

/** The result of applying a tenant file to one tenant. */
export interface AppliedTenant {
  readonly id: string;
  readonly slug: string;
  readonly outcome: AppliedDefinition['outcome'];
  /** The keys of the file, including generated ones; all stored keys when the tenant was skipped. */
  readonly keys: readonly {
    /** UUID: the `aud` of its customer tokens. */
    readonly id: string;
    readonly name: string;
    readonly label: string;
    readonly publicKey: string;
    /** Whether the key is new. */
    readonly isNew: boolean;
    /** A new identity secret in plain text. It can be shown only now, and must not be logged. */
    readonly identitySecret?: string;
  }[];
  /** The names of the stored keys that the file does not name, and that still work. */
  readonly keptKeys: readonly string[];
  readonly warnings: readonly string[];
}

/** What {@link applyTenants} needs. */
export interface ApplyTenantsDeps extends ApplyTenantDeps {
  /** Runs the writes to a tenant between two entries of the audit log; not called when nothing is written. */
  readonly audited: <R>(
    tenant: Pick<AppliedTenant, 'id' | 'slug'>,
    writes: (tally: Tally) => Promise<R>,
  ) => Promise<R>;
  /** Called, and awaited, after each tenant. */
  readonly onApplied?: ((applied: AppliedTenant) => unknown) | undefined;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
}

/**
 * Applies the tenant file of the service: each of its tenants as ApplyTenant does, but only when its content is new.
 * Tenants that the file does not name are left unchanged.
 *
 * @throws ApplyError when a definition cannot be applied; ServiceError of the store
 */
export async function applyTenants(file: TenantFile, deps: ApplyTenantsDeps): Promise<AppliedTenant[]> {
  await requireEncryptionKey(file, deps);
  const applied: AppliedTenant[] = [];
  for (const spec of file.tenants) {
    const { slug } = spec;
    try {
      const { answer } = await applyTenant(
        spec,
        { isFile: true, audited: (id, writes) => deps.audited({ id, slug }, writes) },
        deps,
      );
      const tenant = toApplied(slug, answer);
      await deps.onApplied?.(tenant);
      applied.push(tenant);
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      throw new ApplyError(`tenant ${slug}: ${error.message}`);
    }
  }
  return applied;
}

/** Checks the whole file before anything is written. @throws ApplyError */
async function requireEncryptionKey(file: TenantFile, { identitySecrets }: ApplyTenantsDeps): Promise<void> {
  for (const { slug, widgetKeys } of file.tenants) {
    const verifying = widgetKeys.find(({ identity }) => identity !== 'off');
    if (!verifying || (await identitySecrets.canMake())) continue;
    throw new ApplyError(
      `tenant ${slug}: the key ${JSON.stringify(verifying.label)} has identity: ${verifying.identity}, ` +
        'which needs IDENTITY_ENCRYPTION_KEYS',
    );
  }
}

function toApplied(
  slug: string,
  { tenantId, outcome, changes, warnings, keys }: AppliedDefinition,
): AppliedTenant {
  const added = new Set(changes.flatMap(({ kind, path }) => (kind === Kind.ADDED ? path : [])));
  return {
    id: tenantId,
    slug,
    outcome,
    keys: keys.map(({ key: { id, name, label, publicKey }, secret }) => ({
      ...{ id, name, label, publicKey },
      isNew: added.has(`widgetKeys.${name}`),
      ...(secret && { identitySecret: secret.shown }),
    })),
    keptKeys: changes.flatMap(({ kind, path }) =>
      kind === Kind.KEPT ? path.slice('widgetKeys.'.length) : [],
    ),
    warnings,
  };
}
