import { ApplyError } from './apply-error.js';
import type { CatalogStore, IdentitySecret, WidgetKey } from './catalog.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { TenantFile } from './tenant-spec.js';

/** What applying the identity secrets of widget keys needs. */
export interface ApplySecretDeps {
  readonly store: Pick<CatalogStore, 'findIdentitySecret' | 'insertIdentitySecret' | 'replaceIdentitySecret'>;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
}

/** The secret that a key is to have. */
export interface PlannedSecret {
  readonly secret: IdentitySecret;
  /** Of one that is still to be written: its text, and the generation of the one that it replaces. */
  readonly made?: { readonly shown: string; readonly replaces: number | undefined };
}

/**
 * Looks at a whole tenant file before anything of it is written.
 *
 * @throws ApplyError when it asks for identity secrets, and there is no key to seal them with
 */
export async function requireSealingKey(
  file: TenantFile,
  { identitySecrets }: Pick<ApplySecretDeps, 'identitySecrets'>,
): Promise<void> {
  for (const { slug, widgetKeys } of file.tenants) {
    const verifying = widgetKeys.find(({ identity }) => identity !== 'off');
    if (!verifying || (await identitySecrets.canMake())) continue;
    throw new ApplyError(
      `tenant ${slug}: the key ${JSON.stringify(verifying.label)} has identity: ${verifying.identity}, ` +
        'which needs IDENTITY_ENCRYPTION_KEYS',
    );
  }
}

/**
 * The secret that a key is to have: the stored one, unless there is none or the key asks for a later generation. A
 * key that verifies nobody needs none; one that it had before stays where it is.
 *
 * @throws ApplyError when the stored one is of a later generation
 */
export async function planSecret(
  key: WidgetKey,
  { store, identitySecrets }: ApplySecretDeps,
): Promise<PlannedSecret | undefined> {
  if (key.identity === 'off') return undefined;
  const { id, label, identitySecretGeneration: generation } = key;
  const secret = await store.findIdentitySecret(id);
  if (secret && secret.generation > generation) {
    throw new ApplyError(
      `the key ${JSON.stringify(label)} has an identity secret of generation ${secret.generation}, ` +
        `and identitySecretGeneration: ${generation} would go back`,
    );
  }
  if (secret?.generation === generation) return { secret };
  const { shown, stored } = await identitySecrets.make(id, generation);
  return { secret: stored, made: { shown, replaces: secret?.generation } };
}

/**
 * Writes a secret that was made. Of two that are made for one generation at the same time one is written.
 *
 * @returns whether it is this one
 */
export async function writeSecret(
  secret: IdentitySecret,
  replaces: number | undefined,
  { store }: Pick<ApplySecretDeps, 'store'>,
): Promise<boolean> {
  const isWritten =
    replaces === undefined
      ? await store.insertIdentitySecret(secret)
      : await store.replaceIdentitySecret(secret, replaces);
  if (isWritten) return true;
  // The driver may send a write twice when its answer was lost: then what is stored is ours.
  const stored = await store.findIdentitySecret(secret.keyId);
  return stored !== undefined && Buffer.from(stored.sealed).equals(secret.sealed);
}
