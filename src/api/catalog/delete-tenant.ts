import { type ChangeTenantDeps, changeTenant, type TenantPlan } from '../../catalog/change-tenant.js';
import type { Deps } from '../../deps.js';
import { requireScope } from '../../rpc/authorize.js';
import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

/** How many conversations one batch deletes. */
const BATCH_SIZE = 1_000;
/** The time before the deadline at which no further step begins, in ms: the last one, the audit and the answer need it. */
const RESERVE_MS = 2_000;
/**
 * For how long after the widget keys were stopped conversations may still be opened, in ms: other processes notice within
 * 2 s, and an open that has begun takes at most 5 s. The tenant is not complete before.
 */
const SETTLE_MS = 10_000;
/** How long a call that has nothing to do but wait takes, in ms, so that callers who repeat it at once do not spin. */
const WAIT_MS = 1_000;

type DeleteDeps = Pick<Deps, keyof ChangeTenantDeps | 'conversations' | 'date' | 'elapsed'>;

/**
 * DeleteTenant deletes a tenant with all that it holds. It first stops the widget keys, all at once, and then deletes
 * conversations in batches, the widget keys with their secrets, aliases and reports, and last the tenant. Each step may
 * be repeated, so a call goes on where an earlier one ended. Audited.
 */
export const deleteTenant = unary('deleteTenant', {
  scope: 'catalog',
  maxCallMs: 60_000,

  handle: (deps: DeleteDeps) => async (request, call) => {
    const { catalog, conversations, date, elapsed, wait, freshness } = deps;
    const { tenantId, audit, signal, deadline } = call;
    requireScope(call.caller, 'erase');

    const change = (plan: (stored: TenantPlan<undefined>) => Partial<TenantPlan<undefined>>) =>
      changeTenant(
        deps,
        request.tenant,
        () => catalog.findTenant(tenantId),
        (stored) => {
          if (!stored) throw new ServiceError('not_found', 'There is no such tenant.');
          const same = { ...stored, count: 0, answer: undefined };
          return { ...same, ...plan(same) };
        },
        { signal, allowsDeleting: true, audited: (_id, writes) => writes({ count: 0 }) },
      );

    return audit.bracket(async (tally) => {
      let since = date();
      await change(({ tenant }) => {
        since = tenant.deletingSince ?? since;
        return { tenant: { ...tenant, deletingSince: since } };
      });
      let complete = false;
      do {
        const batch = await conversations.deleteOfTenant(tenantId, BATCH_SIZE);
        tally.count += batch.deleted;
        complete = batch.complete;
      } while (!complete && !signal.aborted && elapsed() < deadline - RESERVE_MS);
      if (!complete) return { erasedCount: tally.count, complete };
      if (date() - since < SETTLE_MS) {
        await wait(WAIT_MS);
        return { erasedCount: tally.count, complete: false };
      }
      await change(() => ({ keys: [] }));
      await freshness.change(tenantId, () => catalog.deleteTenant(tenantId));
      return { erasedCount: tally.count, complete };
    });
  },
});
