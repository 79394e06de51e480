import { type ApplyTenantDeps, applyTenant as apply, DefinitionError } from '../../catalog/apply-tenant.js';
import { faultsError, parseTenant, requireSpec, violationsOf } from '../../catalog/definition.js';
import type { PlannedKey } from '../../catalog/plan-keys.js';
import type { Deps } from '../../deps.js';
import type { MadeWidgetKey } from '../../gen/ts-proto/chatsessions/v1/catalog.js';
import { createCallAudit } from '../../rpc/audit.js';
import { requireTenantAccess } from '../../rpc/authorize.js';
import { unary } from '../../rpc/define.js';
import { overloaded } from '../../rpc/errors.js';

/**
 * The largest request, in bytes: 200 flows, 50 widget keys and 6 questions with every text at its longest and of
 * characters of four bytes take 7.3 MB (test/catalog/definition-size.test.ts).
 */
const MAX_BYTES = 8 * 1024 * 1024;
/** How many definitions are applied at once. Each may take some 50 MB while it is planned and compared. */
const MAX_AT_ONCE = 8;

/** ApplyTenant makes a tenant what a definition says, audited. */
export const applyTenant = unary('applyTenant', {
  scope: 'catalog',
  maxCallMs: 30_000,
  maxRequestBytes: MAX_BYTES,
  rules: ({ definition }) => violationsOf('definition', parseTenant(definition ?? {}).faults),

  handle: (deps: Pick<Deps, keyof ApplyTenantDeps | 'audit'>) => {
    let running = 0;
    return async (request, call) => {
      const spec = requireSpec(parseTenant(request.definition ?? {}), 'definition');
      requireTenantAccess(call, spec.slug);
      if (running >= MAX_AT_ONCE) throw overloaded();
      running++;
      try {
        const { validateOnly, prune, expectedRevision } = request;
        const { answer, revision } = await apply(
          spec,
          {
            ...{ validateOnly, prune, expectedRevision },
            signal: call.signal,
            audited: (tenantId, writes) => {
              const entry = { action: 'ApplyTenant', tenantId, tenant: spec.slug };
              return createCallAudit(deps.audit, call, entry).bracket(writes);
            },
          },
          deps,
        );
        const { changes, warnings, keys } = answer;
        return {
          revision,
          changes: [...changes],
          warnings: [...warnings],
          madeKeys: validateOnly ? [] : keys.flatMap(madeKey),
        };
      } catch (error) {
        if (error instanceof DefinitionError) throw faultsError('definition', error.faults);
        throw error;
      } finally {
        running--;
      }
    };
  },
});

function madeKey({ key, secret, isPublicKeyMade }: PlannedKey): MadeWidgetKey[] {
  if (!isPublicKeyMade && !secret) return [];
  const { id, name, publicKey } = key;
  return [{ name, widgetKeyId: id, publicKey, identitySecret: secret?.shown }];
}
