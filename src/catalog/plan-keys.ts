import { ServiceError } from '../rpc/errors.js';
import type { Fault } from './definition-conflicts.js';
import { MAX_WIDGET_KEYS } from './definition-schema.js';
import type { IdentitySecrets } from './identity-secrets.js';
import { deriveName } from './key-names.js';
import { matchKeys } from './match-keys.js';
import type { CatalogStore, WidgetKey } from './model.js';
import { type PlannedSecret, planSecret } from './plan-secret.js';
import type { WidgetKeySpec } from './tenant-spec.js';

/** What {@link planKeys} needs. `made` outlives one attempt, so that a later one makes the same keys and secrets. */
export interface PlanKeysDeps {
  readonly catalog: Pick<CatalogStore, 'findKey' | 'findIdentitySecret'>;
  readonly identitySecrets: Pick<IdentitySecrets, 'canMake' | 'make'>;
  /** Generates a UUID. */
  readonly newId: () => string;
  /** Generates a public key. */
  readonly newPublicKey: () => string;
  readonly made: MadeKeys;
}

/** What was generated for the keys of a definition. */
export interface MadeKeys {
  /** The ids and public keys of new widget keys, by name. */
  readonly keys: Map<string, { readonly id: string; readonly publicKey: string }>;
  /** The new secrets, by the id of their widget key. */
  readonly secrets: Map<string, Awaited<ReturnType<IdentitySecrets['make']>>>;
}

/** The widget keys of a tenant as a definition makes them. */
export interface PlannedKeys {
  /** Those that the definition names, in its order. */
  readonly named: readonly PlannedKey[];
  /** Those that it does not name, disabled if they are to be pruned. */
  readonly kept: readonly WidgetKey[];
  readonly warnings: readonly string[];
}

/** A widget key that the definition names. */
export interface PlannedKey {
  readonly key: WidgetKey;
  readonly secret: PlannedSecret | undefined;
  /** Whether its public key is new, and was generated. */
  readonly isPublicKeyMade: boolean;
}

/**
 * Plans the widget keys of a definition; writes nothing. Broken rules are added to `faults`.
 *
 * @throws ServiceError already_exists when a public key belongs to another tenant
 */
export async function planKeys(
  specs: readonly WidgetKeySpec[],
  stored: readonly WidgetKey[],
  tenantId: string,
  prune: boolean,
  faults: Fault[],
  deps: PlanKeysDeps,
): Promise<PlannedKeys> {
  const { catalog, newId, newPublicKey, made } = deps;
  const matched = matchKeys(specs, stored);
  const kept = stored.filter((key) => !matched.includes(key));
  const warnings: string[] = [];
  const named: PlannedKey[] = [];
  const taken = new Set(kept.map(({ name }) => name));

  if (specs.length + kept.length > MAX_WIDGET_KEYS) {
    const message =
      `a tenant has at most ${MAX_WIDGET_KEYS} widget keys, and keeps ${kept.length} that the definition does not name: ` +
      'revoke some';
    faults.push({ path: ['widgetKeys'], rule: 'widget_keys.max_items', message });
  }

  for (const [k, spec] of specs.entries()) {
    const at = ['widgetKeys', k];
    const existing = matched[k];
    const { name, nameSource } = nameOf(spec, existing, taken);
    if (taken.has(name)) {
      const message = `${JSON.stringify(name)} is the name of another key, derived from its label: name that one too`;
      faults.push({ path: [...at, 'name'], rule: 'key_name.unique', message });
    }
    taken.add(name);
    let id = existing?.id;
    let publicKey = existing?.publicKey;
    if (id === undefined || publicKey === undefined) {
      const fresh = made.keys.get(name) ?? { id: newId(), publicKey: newPublicKey() };
      made.keys.set(name, fresh);
      id = fresh.id;
      publicKey = spec.publicKey ?? fresh.publicKey;
    }
    if (spec.publicKey !== undefined && spec.publicKey !== existing?.publicKey) {
      const holder = await catalog.findKey(spec.publicKey);
      if (holder && holder.tenantId !== tenantId) {
        throw new ServiceError(
          'already_exists',
          `The public key ${spec.publicKey} belongs to another tenant.`,
        );
      }
      if (existing?.rotation) {
        const current = `the current public key ${existing.publicKey} stays`;
        warnings.push(
          `widgetKeys.${name}.publicKey: the key was rotated, and ${current}: leave publicKey out, or export the tenant.`,
        );
      } else if (existing) {
        const message = `the key ${name} has the public key ${existing.publicKey}: leave publicKey out, or rotate the key`;
        faults.push({ path: [...at, 'publicKey'], rule: 'public_key.fixed', message });
      } else if (holder) {
        const message = `is that of the key ${holder.name}, and a key keeps its name`;
        faults.push({ path: [...at, 'publicKey'], rule: 'public_key.unique', message });
      }
    }
    const { isNamed: _, publicKey: __, endsAt, ...fields } = spec;
    const key: WidgetKey = {
      ...fields,
      ...{ id, tenantId, publicKey, name, nameSource },
      rotation: existing?.rotation,
      revision: existing?.revision ?? 1,
      endsAt: endsAt?.getTime(),
    };
    const isPublicKeyMade = !existing && spec.publicKey === undefined;
    named.push({ key, secret: await planSecret(key, at, faults, deps), isPublicKeyMade });
  }
  return { named, kept: prune ? kept.map((key) => ({ ...key, enabled: false })) : kept, warnings };
}

/** A stored key keeps its name unless the definition gives another; a derived name that is taken gets a number. */
function nameOf(
  { name, label, isNamed }: WidgetKeySpec,
  existing: WidgetKey | undefined,
  taken: ReadonlySet<string>,
): Pick<WidgetKey, 'name' | 'nameSource'> {
  if (isNamed) return { name };
  const nameSource = existing ? existing.nameSource : 'derived';
  const wanted = existing?.name ?? name;
  const isFree = nameSource === undefined || !taken.has(wanted);
  return { name: isFree ? wanted : deriveName(label, taken), nameSource };
}
