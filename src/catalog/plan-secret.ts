import type { Fault } from './definition-conflicts.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, IdentitySecret, WidgetKey } from './model.js';

/** A new identity secret, to be written and shown. */
export interface PlannedSecret {
  readonly secret: IdentitySecret;
  /** The plain text. */
  readonly shown: string;
  /** The generation of the secret that it replaces. */
  readonly replaces: number | undefined;
  /** Whether an earlier attempt has written it. */
  readonly isWritten: boolean;
}

/** What {@link planSecret} needs. */
export interface PlanSecretDeps {
  readonly catalog: Pick<CatalogStore, 'findIdentitySecret'>;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
  /** The secrets that were made for earlier attempts, by the id of their widget key. */
  readonly made: { readonly secrets: Map<string, Awaited<ReturnType<IdentitySecrets['make']>>> };
}

/**
 * Plans the identity secret of a widget key: a new one when none is stored, or when the key asks for a later generation
 * than that of the stored one. A key with `identity: off` needs none; a secret that it had before stays stored. Broken
 * rules are added to `faults`.
 */
export async function planSecret(
  key: WidgetKey,
  at: Fault['path'],
  faults: Fault[],
  { catalog, identitySecrets, made }: PlanSecretDeps,
): Promise<PlannedSecret | undefined> {
  if (key.identity === 'off') return undefined;
  const { id, identitySecretGeneration: generation } = key;
  const stored = await catalog.findIdentitySecret(id);
  if (stored && stored.generation > generation) {
    const message = `the identity secret has the generation ${stored.generation}, and cannot go back`;
    const rule = 'identity_secret_generation.lower';
    faults.push({ path: [...at, 'identitySecretGeneration'], rule, message });
    return undefined;
  }
  const before = made.secrets.get(id);
  if (stored?.generation === generation) {
    const isOurs = before && Buffer.from(before.stored.sealed).equals(stored.sealed);
    return isOurs ? { secret: stored, shown: before.shown, replaces: undefined, isWritten: true } : undefined;
  }
  if (!(await identitySecrets.canMake())) {
    const message = 'needs IDENTITY_ENCRYPTION_KEYS in the configuration of the service';
    faults.push({ path: [...at, 'identity'], rule: 'identity.encryption_keys', message });
    return undefined;
  }
  const { shown, stored: secret } = before ?? (await identitySecrets.make(id, generation));
  made.secrets.set(id, { shown, stored: secret });
  return { secret, shown, replaces: stored?.generation, isWritten: false };
}
