import { rulesBroken, ServiceError } from '../rpc/errors.js';
import type { ChangePlan } from './change-existing.js';
import type { StoredTenant } from './change-tenant.js';
import type { IdentitySecrets } from './identity-secrets.js';
import type { CatalogStore, WidgetKey } from './model.js';
import type { WidgetKeySpec } from './tenant-spec.js';
import { withNewKey } from './widget-key-changes.js';

/** What {@link createKey} needs. */
export interface CreateKeyDeps {
  readonly catalog: Pick<CatalogStore, 'findKey'>;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
  readonly newId: () => string;
  readonly newPublicKey: () => string;
}

/** A new widget key, with its identity secret in plain text if it has one. */
export interface CreatedKey {
  readonly key: WidgetKey;
  readonly identitySecret: string | undefined;
}

/**
 * Plans a new widget key. Its id is random, so that a key which is created again after it was revoked does not take over
 * the sessions of before.
 *
 * @throws ServiceError already_exists (the name, the public key), invalid_input
 */
export async function createKey(
  { catalog, identitySecrets, newId, newPublicKey }: CreateKeyDeps,
  { tenant, keys }: StoredTenant,
  { isNamed: _, endsAt, publicKey = newPublicKey(), ...spec }: WidgetKeySpec,
): Promise<ChangePlan<CreatedKey>> {
  const id = newId();
  const key: WidgetKey = {
    ...spec,
    id,
    tenantId: tenant.id,
    publicKey,
    endsAt: endsAt?.getTime(),
    revision: 1,
  };
  const next = withNewKey(keys, key);
  if (await catalog.findKey(publicKey)) {
    throw new ServiceError('already_exists', 'This public key belongs to a widget key already.');
  }
  if (key.identity === 'off') return { keys: next, answer: { key, identitySecret: undefined } };
  if (!(await identitySecrets.canMake())) {
    const message =
      'widgetKey.identity: the service has no IDENTITY_ENCRYPTION_KEYS to verify customers with.';
    throw rulesBroken([{ field: 'widgetKey.identity', rule: 'identity.encryption_keys', message }]);
  }
  const { shown, stored } = await identitySecrets.make(id, key.identitySecretGeneration);
  const secrets = [{ secret: stored, replaces: undefined }];
  return { keys: next, secrets, answer: { key, identitySecret: shown } };
}
