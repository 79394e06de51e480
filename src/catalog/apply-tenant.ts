import { type CatalogChange, CatalogChange_Kind as Kind } from '../gen/ts-proto/chatsessions/v1/catalog.js';
import { ServiceError } from '../rpc/errors.js';
import { nearest } from '../yaml/nearest.js';
import {
  type Changed,
  type ChangeOptions,
  type ChangeTenantDeps,
  changeTenant,
  type StoredTenant,
  type TenantPlan,
} from './change-tenant.js';
import { toDefinition } from './definition.js';
import type { Fault } from './definition-conflicts.js';
import { definitionDigest } from './definition-digest.js';
import { diffTenant } from './diff-tenant.js';
import { flowId } from './flow-id.js';
import type { AppliedDigests, Flow, Tenant, WidgetKey } from './model.js';
import { type MadeKeys, type PlanKeysDeps, type PlannedKey, planKeys } from './plan-keys.js';
import type { TenantSpec } from './tenant-spec.js';

/** What {@link applyTenant} needs. */
export interface ApplyTenantDeps extends ChangeTenantDeps, Omit<PlanKeysDeps, 'catalog' | 'made'> {}

/** How a definition is applied. */
export interface ApplyOptions extends ChangeOptions {
  /** Disables the widget keys that the definition does not name. */
  readonly prune?: boolean;
  /** The revision that the tenant must have; 0 for a tenant that must not exist. */
  readonly expectedRevision?: number | undefined;
  /**
   * Whether the definition comes from the service's tenant file. It is then applied only when it differs from the
   * definition that was last applied, and from the one that the file last had, so that changes by the API survive
   * restarts.
   */
  readonly isFile?: boolean;
}

/** What applying a definition has changed, or would change. */
export interface AppliedDefinition {
  readonly tenantId: string;
  /** `skipped`: a tenant file whose content is not new. */
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'skipped';
  readonly changes: readonly CatalogChange[];
  readonly warnings: readonly string[];
  /** The keys that the definition names, with the secrets that were made. */
  readonly keys: readonly PlannedKey[];
}

/** A definition that breaks rules together with what is stored. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';

  constructor(readonly faults: readonly Fault[]) {
    super(faults.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  }
}

/**
 * Makes a tenant what a definition says, and creates it if there is none. It is idempotent.
 *
 * @throws DefinitionError; ServiceError already_exists, revision_mismatch, and those of {@link changeTenant}
 */
export function applyTenant(
  spec: TenantSpec,
  options: ApplyOptions,
  deps: ApplyTenantDeps,
): Promise<Changed<AppliedDefinition>> {
  const { prune = false, isFile = false } = options;
  const { catalog, newId } = deps;
  const newTenantId = newId();
  const made: MadeKeys = { keys: new Map(), secrets: new Map() };
  const digest = definitionDigest(spec);

  async function plan(stored: StoredTenant | undefined): Promise<TenantPlan<AppliedDefinition>> {
    requireRevision(stored?.tenant, options.expectedRevision);
    if (stored?.tenant.deletingSince !== undefined) throw beingDeleted();
    const applied: AppliedDigests = isFile
      ? { last: digest, file: digest }
      : { last: digest, file: stored?.tenant.applied?.file };
    if (isFile && stored && isKnown(digest, stored.tenant.applied)) {
      const { tenant, keys } = stored;
      const last = tenant.applied?.last ?? digest;
      return {
        tenant: { ...tenant, applied: { last, file: digest } },
        keys,
        count: 0,
        answer: {
          tenantId: tenant.id,
          outcome: 'skipped',
          changes: [],
          warnings: [],
          keys: keys.map((key) => ({ key, secret: undefined, isPublicKeyMade: false })),
        },
      };
    }
    const faults: Fault[] = [];
    const tenantId = stored?.tenant.id ?? newTenantId;
    const flows = planFlows(spec, stored?.tenant.flows ?? [], faults);
    const keys = await planKeys(spec.widgetKeys, stored?.keys ?? [], tenantId, prune, faults, {
      ...deps,
      made,
    });
    if (faults.length > 0) throw new DefinitionError(faults);

    const tenant = toTenant(spec, flows, { id: tenantId, applied, revision: stored?.tenant.revision ?? 0 });
    const allKeys = [...keys.named.map(({ key }) => key), ...keys.kept];
    const before = stored && toDefinition(stored.tenant, stored.keys);
    // What would be generated is generated anew when the definition is applied.
    const shown = options.validateOnly ? [...keys.named.map(withoutMade), ...keys.kept] : allKeys;
    const changes = describeKept(
      diffTenant(before, toDefinition(tenant, shown)),
      keys.kept,
      stored?.keys ?? [],
    );
    const secrets = keys.named.flatMap(({ secret }) => (secret && !secret.isWritten ? [secret] : []));
    const count = changes.filter(({ kind }) => kind !== Kind.KEPT).length + secrets.length;
    return {
      tenant,
      keys: allKeys,
      secrets,
      count,
      answer: {
        tenantId,
        outcome: !stored ? 'created' : count > 0 ? 'updated' : 'unchanged',
        changes,
        warnings: [...warnAboutFile(applied), ...keys.warnings, ...warnAboutIntents(spec)],
        keys: keys.named,
      },
    };
  }

  return changeTenant(deps, spec.slug, () => catalog.findTenantBySlug(spec.slug), plan, {
    ...options,
    allowsDeleting: true,
  });
}

function withoutMade({ key, isPublicKeyMade }: PlannedKey): WidgetKey {
  return isPublicKeyMade ? { ...key, publicKey: '' } : key;
}

function isKnown(digest: string, applied: AppliedDigests | undefined): boolean {
  return digest === applied?.file || digest === applied?.last;
}

function requireRevision(tenant: Tenant | undefined, expected: number | undefined): void {
  const revision = tenant?.revision ?? 0;
  if (expected === undefined || expected === revision) return;
  const message = tenant ? `The tenant has the revision ${revision}.` : 'There is no such tenant.';
  throw new ServiceError('revision_mismatch', message);
}

/** The error of a change of a tenant that is being deleted. */
function beingDeleted(): ServiceError {
  const message = 'The tenant of this slug is being deleted: call DeleteTenant until it is complete.';
  return new ServiceError('already_exists', message);
}

/** The flows of a definition: a flow keeps its id, and a new one gets that of its slugs unless the definition has one. */
function planFlows({ slug, flows }: TenantSpec, stored: readonly Flow[], faults: Fault[]): readonly Flow[] {
  const before = new Map(stored.map((flow) => [flow.slug, flow]));
  const ids = new Set<string>();
  return flows.map((flow, f) => {
    const kept = before.get(flow.slug)?.id;
    const id = flow.id ?? kept ?? flowId(slug, flow.slug);
    const at = ['flows', f, 'id'];
    if (kept !== undefined && id !== kept) {
      faults.push({
        path: at,
        rule: 'flow_id.fixed',
        message: `the flow has the id ${kept}, which never changes`,
      });
    }
    if (ids.has(id)) {
      faults.push({ path: at, rule: 'flow_id.unique', message: 'an earlier flow has the id of this one' });
    }
    ids.add(id);
    return { ...flow, id };
  });
}

function toTenant(
  { slug, name, quickQuestions }: TenantSpec,
  flows: readonly Flow[],
  rest: Pick<Tenant, 'id' | 'revision' | 'applied'>,
): Tenant {
  const ids = new Map(flows.map((flow) => [flow.slug, flow.id]));
  return {
    ...rest,
    slug,
    name,
    flows,
    quickQuestions: quickQuestions.map(({ question, pageType, flow }) => ({
      question,
      pageType,
      flowId: flow === undefined ? undefined : ids.get(flow),
    })),
  };
}

/** Replaces the lines of keys that the definition does not name with one line each: kept, or disabled. */
function describeKept(
  changes: readonly CatalogChange[],
  kept: readonly WidgetKey[],
  stored: readonly WidgetKey[],
): CatalogChange[] {
  const paths = new Map(kept.map((key) => [`widgetKeys.${key.name}.enabled`, key]));
  const others = changes.filter(({ path }) => !paths.has(path));
  const lines = kept.map(({ id, name, enabled }) => {
    const isDisabled = !enabled && stored.find((key) => key.id === id)?.enabled;
    const kind = isDisabled ? Kind.DISABLED : Kind.KEPT;
    return { kind, path: `widgetKeys.${name}`, before: '', after: '' };
  });
  return [...others, ...lines];
}

function warnAboutFile({ last, file }: AppliedDigests): string[] {
  if (file === undefined || file === last) return [];
  return [
    'The tenant file that the service last started with has other content for this tenant. It is applied again, over ' +
      'this, when its content changes.',
  ];
}

/** How many intents of one key a warning names. */
const NAMED_INTENTS = 10;

function warnAboutIntents({ flows, widgetKeys }: TenantSpec): string[] {
  const known = new Set(flows.map(({ intent }) => intent.name));
  return widgetKeys.flatMap(({ name, allowedIntents }) => {
    const missing = allowedIntents.filter((intent) => !known.has(intent));
    const [first] = missing;
    if (first === undefined) return [];
    const more = missing.length > NAMED_INTENTS ? ` and ${missing.length - NAMED_INTENTS} more` : '';
    const hint = missing.length === 1 ? nearest(first, [...known]) : '';
    return [
      `widgetKeys.${name}.allowedIntents: no flow has the intent ${missing.slice(0, NAMED_INTENTS).join(', ')}${more}${hint}.`,
    ];
  });
}
