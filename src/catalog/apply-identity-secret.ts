import { ApplyError } from './apply-error.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, IdentitySecret, WidgetKey } from './model.js';
import type { TenantFile } from './tenant-spec.js';

/** What the functions of this file need. */
export interface ApplySecretDeps {
  readonly store: Pick<CatalogStore, 'findIdentitySecret' | 'insertIdentitySecret' | 'replaceIdentitySecret'>;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
}

/** The identity secret that a widget key will have after the file is applied. */
export interface PlannedSecret {
  readonly secret: IdentitySecret;
  /**
   * Set when the secret is new and must be written: its plain text, and the generation of the secret that it replaces.
   */
  readonly made?: { readonly shown: string; readonly replaces: number | undefined };
}

/**
 * Checks that the identity secrets which a tenant file asks for can be encrypted. It checks the whole file before
 * anything is written.
 *
 * @throws ApplyError when the file needs an encryption key and there is none
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
 * Plans the identity secret of a widget key: the stored secret, or a new one when none is stored or the key asks for a
 * later generation. A key with `identity: off` needs no secret; a secret that it had before stays stored.
 *
 * @throws ApplyError when the stored secret has a later generation
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
 * Writes a new secret. If two processes write a secret of the same generation at the same time, only the first one is
 * stored.
 *
 * @returns whether this secret is stored
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
  // The driver repeats a write whose answer was lost; then the conflict is with our own first write.
  const stored = await store.findIdentitySecret(secret.keyId);
  return stored !== undefined && Buffer.from(stored.sealed).equals(secret.sealed);
}
